"""Django's settings for the peer that keeps its schedule in a database: nothing but what it needs."""

import os

import dj_database_url

SECRET_KEY = "only for benchmarks"
INSTALLED_APPS = ["django.contrib.contenttypes", "django_celery_beat"]
DATABASES = {"default": dj_database_url.parse(os.environ["BENCH_DATABASE_URL"], conn_max_age=600)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
