# One image for every process of Thor. By itself it runs all of them in one container:
#
#   docker run --init -e FLOWER_BASIC_AUTH=name:password -v thor:/var/lib/thor -p 127.0.0.1:8000:8000 thor:local
#
# docker-compose.yml starts one container a process from the same image. Nothing is written outside /var/lib/thor and
# /tmp, so the root file system may be read-only; no secret is built in.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/thor
# The dependencies alone, so that an edit of the code does not install them anew.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
        > requirements.txt \
    && /opt/thor/bin/pip install --constraint constraints.txt --requirement requirements.txt \
    && /opt/thor/bin/pip uninstall --yes setuptools pip
COPY manage.py celeryconfig.py /app/
COPY thor /app/thor
COPY tasks /app/tasks
RUN /opt/thor/bin/python -m compileall -q /app

FROM ${PYTHON_IMAGE}
RUN groupadd --system --gid 10001 thor \
    && useradd --system --uid 10001 --gid thor --no-create-home --home-dir /var/lib/thor --shell /usr/sbin/nologin thor \
    && install --directory --owner=thor --group=thor --mode=0750 /var/lib/thor
COPY --from=build /opt/thor /opt/thor
COPY --from=build /app /app
ENV PATH=/opt/thor/bin:$PATH \
    DJANGO_SETTINGS_MODULE=thor.settings \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    THOR_HOST=0.0.0.0 \
    THOR_VAR_DIR=/var/lib/thor
WORKDIR /app
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
VOLUME /var/lib/thor
EXPOSE 8000 5555
CMD ["python", "manage.py", "up"]
