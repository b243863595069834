# %% violation
try:
    work()
except:  # bad
    pass

# %% violation
try:
    work()
except Exception:  # bad
    logger.exception("failed")

# %% violation
try:
    work()
except BaseException as error:  # bad
    return None

# %% violation
try:
    work()
except (ValueError, Exception):  # bad
    outcome = None

# %% violation
ERRORS = (KeyError, Exception)
try:
    work()
except ERRORS:  # bad
    ...

# %% violation
import builtins
try:
    work()
except builtins.Exception:  # bad
    ...

# %% violation
try:
    work()
except Exception:  # bad
    if debugging:
        raise

# %% violation
try:
    work()
except Exception as error:  # bad
    log.info(error)

# %% violation
try:
    work()
except* Exception:  # bad
    pass

# %% violation
with contextlib.suppress(Exception):  # bad
    work()

# %% violation
from contextlib import suppress as quietly
with quietly(KeyError, BaseException):  # bad
    work()

# %% violation
try:
    work()
except Exception:  # bad
    def later():
        raise

# %% violation
try:
    work()
except Exception as error:  # bad
    self.failure = None

# %% violation
try:
    work()
except (*KNOWN, Exception):  # bad
    pass

# %% violation
try:
    work()
except (KeyError,) + (Exception,):  # bad
    pass

# %% violation
try:
    work()
except Exception as error:  # bad
    try:
        raise KeyError from error
    except KeyError:
        pass

# %% violation
try:
    work()
except Exception as error:  # bad
    match error:
        case KeyError():
            raise

# %% violation
def call():
    try:
        return work()
    finally:
        return None  # bad

# %% violation
class Quiet:
    def __exit__(self, *_):
        return True  # bad

# %% harmless
try:
    work()
except ValueError:
    pass

# %% harmless
try:
    work()
except Exception:
    logger.exception("failed")
    raise

# %% harmless
try:
    work()
except Exception as error:
    raise ServiceUnavailable() from error

# %% harmless
try:
    work()
except Exception as error:
    outcome = Outcome.failed(error)

# %% harmless
try:
    work()
except Exception as error:
    return error_response(error)

# %% harmless
try:
    work()
except Exception as error:
    if isinstance(error, InterlockError):
        send(error.info)
    else:
        send(ErrorInfo(PLUGIN_EXCEPTION, str(error)))

# %% harmless
try:
    work()
except BaseException as error:
    document = {"error": describe(error)}

# %% harmless
try:
    work()
except Exception as error:
    self._failure = error

# %% harmless
try:
    work()
except Exception as error:
    with lock:
        match error:
            case KeyError():
                raise
            case _:
                outcome = Outcome.failed(error)

# %% harmless
try:
    work()
except Exception as error:
    try:
        close()
    finally:
        raise

# %% harmless
def update_execution_metrics(self):
    try:
        self.sink.record()
    except Exception:
        logger.exception("the metrics of this run are lost")

# %% harmless
with contextlib.suppress(FileNotFoundError):
    remove(path)
