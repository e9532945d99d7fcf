"""Django's settings, all derived from `thor.env`; nothing here is edited to configure an installation."""

import os
import secrets
import tempfile
from pathlib import Path
from typing import Any

import dj_database_url

from thor.env import env
from thor.errors import BadConfiguration

ENV = env()


def _made(folder: Path) -> Path:
    """Return the folder, made if it was not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(folder, error) from None
    return folder


def _unusable(folder: Path, error: OSError) -> BadConfiguration:
    return BadConfiguration(
        f"the folder {folder} cannot be used ({error.strerror}); make it writable or set THOR_VAR_DIR."
    )


def _secret_key() -> str:
    """Return the configured secret, or one made once and kept in `var/`, readable by its owner alone."""
    if ENV.secret_key:
        return ENV.secret_key
    path = VAR_DIR / "secret_key"
    try:
        if not path.exists():
            _write_once(path, secrets.token_urlsafe(50))
        return path.read_text().strip()
    except OSError as error:
        raise _unusable(VAR_DIR, error) from None


def _write_once(path: Path, text: str) -> None:
    # Several processes start at once: each writes a file of its own, and a link lets only the first one win.
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    try:
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()


def _database() -> dict[str, Any]:
    if not ENV.database_url:
        return _sqlite({"ENGINE": "django.db.backends.sqlite3", "NAME": str(VAR_DIR / "thor.sqlite3")})
    try:
        found = dict(dj_database_url.parse(ENV.database_url, conn_max_age=600, conn_health_checks=True))
    except (ValueError, KeyError):
        raise BadConfiguration(_DATABASE_SENTENCE) from None
    if found["ENGINE"] == "django.db.backends.sqlite3":
        return _sqlite(found)
    if found["ENGINE"] != "django.db.backends.postgresql":
        raise BadConfiguration(_DATABASE_SENTENCE)
    if not found.get("NAME"):
        raise BadConfiguration("DATABASE_URL names no database; write postgres://user:password@host:5432/name.")
    options = found.setdefault("OPTIONS", {})
    options.setdefault("connect_timeout", 5)
    # A host that vanished must be noticed in seconds, not after the kernel's two hours.
    options.setdefault("keepalives_idle", 5)
    options.setdefault("keepalives_interval", 2)
    options.setdefault("keepalives_count", 3)
    options.setdefault("tcp_user_timeout", 10_000)  # the same for a statement that was sent and never arrived
    return found


_DATABASE_SENTENCE = (
    "DATABASE_URL cannot be used: write postgres://user:password@host:5432/name or sqlite:////absolute/path.sqlite3."
)


def _sqlite(found: dict[str, Any]) -> dict[str, Any]:
    """Add what SQLite needs when several processes write: the lock at the start, WAL, and patience."""
    found["CONN_MAX_AGE"] = 600
    found["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=20000",
    }
    # Tests use several threads and processes, which cannot share a database in memory.
    found["TEST"] = {"NAME": f"{found['NAME']}.test"}
    folder = Path(found["NAME"]).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadConfiguration(
            f"the folder {folder} cannot be used ({error.strerror}); make it writable or correct DATABASE_URL."
        ) from None
    return found


VAR_DIR = _made(ENV.var_dir)
SECRET_KEY = _secret_key()
DEBUG = ENV.debug
ALLOWED_HOSTS = [host.strip() for host in ENV.allowed_hosts.split(",") if host.strip()]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "ninja",
    "thor.leadership.apps.LeadershipConfig",
    "thor.markets.apps.MarketsConfig",
    "thor.jobs.apps.JobsConfig",
    "thor.marketdata.apps.MarketDataConfig",
    "thor.trading.apps.TradingConfig",
    "thor.drivers.apps.DriversConfig",
    "thor.dashboard.apps.DashboardConfig",
    "thor.operations.apps.OperationsConfig",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "thor.dashboard.middleware.content_security_policy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "thor.dashboard.middleware.LoginRequired",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "thor.urls"
WSGI_APPLICATION = "thor.wsgi.application"
ASGI_APPLICATION = "thor.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
FORMAT_MODULE_PATH = "thor.dashboard.formats"

STATIC_URL = "static/"
STATIC_ROOT = _made(VAR_DIR / "static")  # whitenoise warns where it is absent
WHITENOISE_USE_FINDERS = True  # pages look right also where nobody ran collectstatic

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = ENV.tls
# A health check on loopback has no TLS; behind a proxy, the proxy says whether the person has it.
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENV.tls else None
SECURE_HSTS_SECONDS = 31_536_000 if ENV.tls else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = ENV.tls

DJANGO_CELERY_BEAT_TZ_AWARE = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)-7s %(name)s %(message)s"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line"},
        "scheduler_log": {"()": "thor.trading.logs.scheduler_log"},
        "scheduler_log_of_runs": {"()": "thor.trading.logs.scheduler_log_of_runs"},
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "thor": {"level": ENV.log_level.upper()},
        "thor.trading": {"handlers": ["scheduler_log"]},
        "thor.markets.broker_clock_asking": {"handlers": ["scheduler_log"]},
        "thor.events": {"handlers": ["scheduler_log_of_runs"]},
        "celery": {"level": ENV.log_level.upper()},
        # A run is a row of the ledger; two more lines for each, every second, would drown what matters.
        "celery.worker.strategy": {"level": "DEBUG" if ENV.log_level == "debug" else "WARNING"},
        "celery.app.trace": {"level": "DEBUG" if ENV.log_level == "debug" else "WARNING"},
        # Flower asks workers that are still starting, and warns once for each question; it asks again.
        "flower.inspector": {"level": "ERROR"},
        "django": {"level": "WARNING"},
    },
}
