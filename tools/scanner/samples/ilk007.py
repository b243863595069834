# %% violation
tool = tool or "analyze"

# %% violation
tool = request.tool or "analyze"

# %% violation
tool = call.tool.name or "analyze"

# %% violation
tool = body.get("tool") or "analyze"

# %% violation
tool = body["tool"] or "analyze"

# %% violation
tool = body.get("tool", "analyze")

# %% violation
tool = body.pop("tool_name", "analyze")

# %% violation
body.setdefault("tool", "analyze")

# %% violation
tool = getattr(request, "tool", "analyze")

# %% violation
tool = tool if tool else "analyze"

# %% violation
tool = "analyze" if request.tool is None else request.tool

# %% violation
if not tool:
    tool = "analyze"

# %% violation
if request.tool is None:
    request.tool = "analyze"

# %% violation
try:
    tool = body["tool"]
except KeyError:
    tool = "analyze"

# %% violation
match tool:
    case None:
        tool = "analyze"

# %% violation
body = {"tool": "analyze", **body}

# %% violation
body = {"tool": "analyze"} | body

# %% violation
def execute(plugin, tool="analyze"): ...

# %% violation
def execute(plugin, *, tool_name: str = "analyze"): ...

# %% violation
USUAL = "analyze"
def execute(plugin, tool=USUAL): ...

# %% violation
tool = tool or settings.default_tool

# %% violation
from settings import DEFAULT_TOOL
tool = tool or DEFAULT_TOOL

# %% violation
class Request(BaseModel):
    tool: str = "analyze"

# %% violation
class Request(BaseModel):
    tool: str = Field(default="analyze", min_length=1)

# %% violation
class Request(BaseModel):
    tool: str | None = Field("analyze")

# %% violation
@dataclass
class Request:
    tool: str = field(default_factory=lambda: "analyze")

# %% violation
parser.add_argument("--tool", default="analyze")

# %% harmless
def execute(plugin, tool=None): ...

# %% harmless
class Request(BaseModel):
    tool: str | None = None

# %% harmless
class Request(BaseModel):
    tool: str | None = Field(default=None, description="left out: the first of the manifest")

# %% harmless
tool = body.get("tool")

# %% harmless
tool = tool or manifest.tools[0].name

# %% harmless
title = title or "Untitled"

# %% harmless
tool = "analyze"

# %% harmless
run(plugin="ocr", tool="analyze")

# %% harmless
body = {**body, "plugin": "ocr", "tool": "analyze"}

# %% harmless
parser.add_argument("--tool", help="left out: the first of the manifest")
