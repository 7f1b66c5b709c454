"""Flask-RESTX: an API that describes itself, with a resource that checks what it is sent."""

from flask import Flask, url_for
from flask_restx import Api, Resource, fields

app = Flask(__name__)
api = Api(app, title="Shop", doc="/doc/")
item = api.model("Item", {"name": fields.String(required=True), "uri": fields.String(readonly=True)})


@api.route("/items/<string:name>")
class Item(Resource):
    @api.marshal_with(item)
    def get(self, name):
        return {"name": name, "uri": url_for("item", name=name)}


@api.route("/items")
class Items(Resource):
    @api.expect(item, validate=True)
    @api.marshal_with(item, code=201)
    def post(self):
        return {"name": api.payload["name"]}, 201
