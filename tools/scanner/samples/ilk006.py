# %% violation
return {"message": traceback.format_exc()}

# %% violation
from traceback import format_exc as f
return f()

# %% violation
import traceback as tb
text = tb.format_exception(error)  # bad
respond(text)

# %% violation
respond(sys.exc_info())

# %% violation
try:
    work()
except ValueError as error:
    return repr(error)  # bad

# %% violation
try:
    work()
except ValueError as error:
    raise NotFound(f"no: {error!r}")  # bad

# %% violation
try:
    work()
except ValueError as error:
    outcome = failed("no: %r" % error)  # bad

# %% violation
try:
    work()
except ValueError as error:
    outcome = failed("no: {!r}".format(error))  # bad

# %% violation
def failed(error: Exception) -> Outcome:
    return Outcome(message=repr(error))

# %% violation
respond(error.__traceback__)

# %% violation
respond(repr(error.__cause__))

# %% violation
respond(repr(sys.exception()))

# %% violation
try:
    work()
except ValueError as error:
    respond(error.__repr__())  # bad

# %% violation
try:
    work()
except ValueError as error:
    respond(*map(repr, [error]))  # bad

# %% harmless
logger.error(traceback.format_exc())

# %% harmless
text = traceback.format_exc()
logger.error("failed: %s", text)

# %% harmless
try:
    work()
except ValueError as error:
    logger.warning("no: %r", error, exc_info=True)
    raise NotFound(str(error)) from error

# %% harmless
try:
    work()
except ValueError as error:
    logger.warning(f"no: {error!r}")

# %% harmless
print(traceback.format_exc(), file=sys.stderr)

# %% harmless
sys.excepthook(*sys.exc_info())

# %% harmless
traceback.print_exc()

# %% harmless
message = f"plugin {name!r} has no tool {tool!r}"

# %% harmless
error.__traceback__ = None

# %% harmless
if error.__traceback__ is None:
    raise error
