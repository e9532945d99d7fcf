"""Addresses of the pages: the dashboard at `/`, Django's admin, the API, and the log-in."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("login/", auth.LoginView.as_view(template_name="dashboard/login.html"), name="login"),
    # Whoever is logged out already is led to the log-in, not through it to a log-out.
    path("logout/", login_not_required(auth.LogoutView.as_view()), name="logout"),
    path("api/v1/", include("thor.dashboard.api.urls")),
    path("", include("thor.dashboard.urls")),
]
