"""The admin, its static files, a page that a plain view writes and one that an asynchronous view does."""

import json

from django.contrib import admin
from django.contrib.staticfiles.views import serve
from django.db import connection
from django.http import JsonResponse
from django.urls import path, re_path, reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def notes(request):
    with connection.cursor() as cursor:
        cursor.execute("create table if not exists notes (text primary key)")
        if request.method == "POST":
            cursor.execute("insert or replace into notes values (%s)", [json.loads(request.body)["text"]])
        cursor.execute("select text from notes")
        return JsonResponse({"notes": [row[0] for row in cursor.fetchall()], "at": reverse("notes")})


async def zone(request):
    return JsonResponse({"zone": timezone.get_current_timezone_name(), "at": reverse("zone")})


urlpatterns = [
    path("admin/", admin.site.urls),
    path("notes", notes, name="notes"),
    path("zone", zone, name="zone"),
    re_path("^static/(?P<path>.*)$", serve),
]
