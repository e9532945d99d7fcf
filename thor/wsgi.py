"""The WSGI entry point: gunicorn serves it under `manage.py up` and in the image."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "thor.settings")
application = get_wsgi_application()
