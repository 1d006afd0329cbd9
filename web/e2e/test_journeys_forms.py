"""The forms in `types.d.ts` are those of the API: the same names of fields, the same words."""

import json
import re

from harness import ROOT

# The description leaves these to the code of the page: a map with one key, or words that are more.
OURS = {"Role", "PlayedPolicy", "ConsoleSays"}


def declared():
    """Returns the fields of every form that the dashboard knows."""
    text = (ROOT / "web" / "types.d.ts").read_text()
    forms = {}
    for name, body in re.findall(r"interface (\w+) \{\n(.*?)\n  \}", text, re.S):
        forms[name] = set(re.findall(r"^    (\w+)\??:", body, re.M))
    words = {name: set(re.findall(r'"([\w-]+)"', body)) for name, body in re.findall(r"type (\w+) =(.*?);\n", text, re.S)}
    return forms, words


def test_the_forms_are_those_of_the_api(page, dashboard):
    told = page.evaluate("async (url) => (await fetch(url)).json()", f"{dashboard.root}v1/openapi.json")
    schemas = told["components"]["schemas"]
    forms, words = declared()
    assert len(forms) > 20
    wrong = []
    for name, fields in forms.items():
        schema = schemas.get(name)
        if schema is None:
            wrong.append(f"the API has no {name}")
            continue
        served = set(schema.get("properties", {}))
        if fields - served:
            wrong.append(f"{name}: the API has no {sorted(fields - served)}")
        # What is asked may leave out what it does not need; what is told is known whole.
        if name not in ("Command", "Simulation", "Lives") and served - fields:
            wrong.append(f"{name}: types.d.ts lacks {sorted(served - fields)}")
    for name, known in words.items():
        if name in OURS:
            continue
        schema = json.dumps(schemas[name])
        served = set(re.findall(r'"(?:const|enum)": (?:\[([^\]]*)\]|"([\w-]+)")', schema))
        served = {word for pair in served for part in pair for word in re.findall(r"[\w-]+", part)}
        if known != served:
            wrong.append(f"{name}: {sorted(known ^ served)}")
    assert not wrong, "\n".join(wrong)
