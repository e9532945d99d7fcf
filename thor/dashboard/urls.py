"""Addresses of the dashboard."""

from django.urls import path

from thor.dashboard import captures, health, metrics, plan, plotlyjs, trading, views

urlpatterns = [
    path("", views.index, name="dashboard"),
    path("live/", views.live, name="live"),
    path("plan/", plan.plan, name="plan"),
    path("captures/", captures.captures, name="captures"),
    path("trading/", trading.trading, name="trading"),
    path("chart/<path:symbol>.json", views.chart, name="chart"),
    path("plotly-<str:version>.min.js", plotlyjs.script, name="plotly"),
    path("favicon.ico", views.icon, name="icon"),
    path("healthz", health.healthz, name="healthz"),
    path("metrics", metrics.metrics, name="metrics"),
]
