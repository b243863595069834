# %% violation
return Response(status_code=500)

# %% violation
return {"statusCode": 500, "body": ""}

# %% violation
response["statusCode"] = 500

# %% violation
response.status_code = 500

# %% violation
FAILURE = 500
return Response(FAILURE, body)

# %% violation
return Response(500, "application/json", body)

# %% violation
return json_response(body, 500)

# %% violation
return body, 500

# %% violation
status = HTTPStatus.INTERNAL_SERVER_ERROR

# %% violation
status = HTTPStatus(500)

# %% violation
from http import HTTPStatus as H
status = H["INTERNAL_SERVER_ERROR"]

# %% violation
raise InternalServerError("we do not know")

# %% violation
from aws_lambda_powertools.event_handler.exceptions import InternalServerError as Broken
raise Broken("we do not know")

# %% violation
raise ServiceError(500, "we do not know")

# %% violation
start_response("500 Internal Server Error", headers)

# %% violation
STATUS_BY_CODE = MappingProxyType({"unavailable": 500})

# %% violation
table = {"ValidationError": 400, "ServiceError": 500}

# %% violation
table = {"unauthorized": 401, "unavailable": 500}

# %% harmless
return Response(status_code=503)

# %% harmless
time.sleep(500)

# %% harmless
limits = {"jobs": 500}

# %% harmless
if response.status_code >= 500:
    retry()

# %% harmless
range(500)

# %% harmless
size = {"width": 500, "height": 400}
