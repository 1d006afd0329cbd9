"""What is asked otherwise of a service that is to go on answering. Read by Schemathesis."""

import re

import schemathesis


def whole(form):
    for name, value in form.items():
        if isinstance(value, float) and value.is_integer():
            form[name] = int(value)
        elif isinstance(value, dict):
            whole(value)


@schemathesis.hook
def before_call(context, case, kwargs):
    body = case.body
    if isinstance(body, dict):
        verb = body.get("verb")
        # The end of the tree is the end of the program; the tests of the API have it.
        is_root = not str(body.get("target", "")).strip("/")
        for name in ["drain", "stop"] if is_root else ["drain"]:
            if isinstance(verb, dict) and name in verb:
                verb["acknowledge"] = verb.pop(name)
        # For JSON Schema 94.0 is an integer. No program writes one that way, and none is read that way here.
        whole(body)
    # A stream has no end.
    query = case.query
    if case.path == "/v1/logs" and isinstance(query, dict) and query.get("follow") in (True, "true"):
        query["follow"] = "false"
    # Nobody waits for ten minutes. What is no span stays as it is: it must be refused.
    if case.path == "/v1/wait/{path}" and isinstance(query, dict):
        if re.fullmatch("[0-9]{1,6}(ms|s|m|h|d)", str(query.get("timeout", "1s"))):
            query["timeout"] = "10ms"
