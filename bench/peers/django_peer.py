"""Django REST framework with djoser and simplejwt: accounts from ready-made packages."""

# ruff: noqa: E402 - Django wants its settings before it is imported

import os
import sys
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings

_database = urlsplit(os.environ["DATABASE_URL"])

settings.configure(
    SECRET_KEY=os.environ["SECRET_KEY"],
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "rest_framework",
        "djoser",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _database.path.lstrip("/"),
            "USER": _database.username,
            "PASSWORD": _database.password,
            "HOST": _database.hostname,
            "PORT": _database.port,
            "CONN_MAX_AGE": None,
        }
    },
    # The same hash as everybody's: PBKDF2 would be another race.
    PASSWORD_HASHERS=["django.contrib.auth.hashers.BCryptSHA256PasswordHasher"],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [
            "rest_framework_simplejwt.authentication.JWTAuthentication"
        ],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination",
        "PAGE_SIZE": 100,
    },
    SIMPLE_JWT={"ACCESS_TOKEN_LIFETIME": timedelta(hours=4), "AUTH_HEADER_TYPES": ["Bearer"]},
    DJOSER={
        "HIDE_USERS": False,
        "PERMISSIONS": {"user_list": ["rest_framework.permissions.IsAuthenticated"]},
    },
)

import django

django.setup()

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import include, path

urlpatterns = [
    path("auth/", include("djoser.urls")),
    path("auth/", include("djoser.urls.jwt")),
    path("health", lambda request: JsonResponse({"status": "healthy"})),
]
app = get_wsgi_application()

if __name__ == "__main__":
    # `python django_peer.py HASH PEOPLE`: the tables, and so many people with one password.
    call_command("migrate", verbosity=0)
    from django.contrib.auth.models import User
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {User._meta.db_table} (password, is_superuser, username, first_name,"
            " last_name, email, is_staff, is_active, date_joined)"
            " SELECT %s, false, 'user' || n, '', '', 'user' || n || '@example.com', false, true,"
            " now() FROM generate_series(1, %s) AS n",
            sys.argv[1:],
        )
