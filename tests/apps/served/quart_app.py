"""Quart: a template, a static file, JSON in and out, a stream."""

import time

from quart import Quart, render_template_string, request, url_for

app = Quart(__name__)


@app.before_serving
async def begin():
    app.began = "began"


@app.get("/")
async def home():
    page = (
        """<link href="{{ url_for('static', filename='style.css') }}"><a href="{{ url_for('hello', name='pear') }}">"""
    )
    return await render_template_string(page)


@app.get("/hello/<name>")
async def hello(name):
    return {"name": name, "at": url_for("hello", name=name), "state": app.began}


@app.get("/zone")
async def zone():
    return {"offset": time.strftime("%z")}


@app.post("/items")
async def add():
    return await request.get_json(), 201


@app.get("/stream")
async def stream():
    async def parts():
        for number in range(3):
            yield f"{number}\n".encode()

    return parts()
