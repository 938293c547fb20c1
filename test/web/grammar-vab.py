"""Reference for the strict grammar, on Python's own ast: reads a JSON list of texts, writes a JSON list of outcomes.

An outcome is [kind, texts...], "parse_error" or "crash", by the rules of VisualAgentBench's WebArena-Lite parser.
"""
import ast
import json
import sys
import warnings

warnings.simplefilter("ignore")

NEEDS = {
    "click": ["element"],
    "hover": ["element"],
    "type": ["element", "argument"],
    "search": ["element", "argument"],
    "select dropdown option": ["element", "argument"],
    "press enter": [],
    "scroll up": [],
    "scroll down": [],
    "go forward": [],
    "go backward": [],
}


def action_part(text):
    for cut in ("exit(", "do(", "go_backward("):
        if cut in text:
            return cut + text.rpartition(cut)[2]
    lines = text.split("\n")
    while lines and lines[0].strip().startswith("#"):
        del lines[0]
    return "\n".join(lines)


def literals(call):
    found = {}
    for keyword in call.keywords:
        value = keyword.value
        if keyword.arg == "element" and isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
            if value.func.id == "find_element_by_instruction":
                for inner in value.keywords:
                    if inner.arg == "instruction":
                        ast.literal_eval(inner.value)
                continue
        found[keyword.arg] = ast.literal_eval(value)
    return found


def outcome(text):
    try:
        source = action_part(text.strip()).strip()
        body = ast.parse(source, mode="eval").body
        if isinstance(body, ast.Call):
            name, found = body.func.id, literals(body)
        else:
            name, found = source, {}
    except Exception:
        return "parse_error"
    if name == "exit":
        message = found.get("message", None)
        return ["exit", message] if isinstance(message, str) else "crash"
    if name != "do":
        return "parse_error"
    if not hasattr(found.get("action"), "lower"):
        return "crash"
    verb = found["action"].lower()
    if verb not in NEEDS:
        return "parse_error"
    texts = [found.get(key) for key in NEEDS[verb]]
    return [verb, *texts] if all(isinstance(one, str) for one in texts) else "crash"


json.dump([outcome(text) for text in json.load(sys.stdin)], sys.stdout)
