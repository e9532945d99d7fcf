"""Ask the API, and compare what it answers with what its own document promises."""

from typing import Any

from django.test import Client
from openapi_schema_validator import OAS31Validator, oas31_format_checker

V1 = "/api/v1"


def ask(client: Client, path: str, status: int = 200, **parameters: str) -> Any:
    """Return what is answered, once it has been compared with what the document promises."""
    asked = {name.rstrip("_"): value for name, value in parameters.items()}
    key = asked.pop("key", "usa")
    answer = client.get(f"{V1}{path.format(key=key)}", asked)

    assert answer.status_code == status, answer.content
    assert answer["Content-Type"].split(";")[0] == "application/json"
    found = answer.json()
    promised_by(client, path, status).validate(found)
    return found


def promised_by(client: Client, path: str, status: int) -> OAS31Validator:
    document = client.get(f"{V1}/openapi.json").json()
    response = document["paths"][f"{V1}{path}"]["get"]["responses"][str(status)]
    schema = closed({**response["content"]["application/json"]["schema"], "components": document["components"]})
    return OAS31Validator(schema, format_checker=oas31_format_checker)


def closed(schema: Any) -> Any:
    """Let no object have more than its properties, so that an answer with an undocumented field is refused."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    more = {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else {}
    return {**{name: closed(part) for name, part in schema.items()}, **more}
