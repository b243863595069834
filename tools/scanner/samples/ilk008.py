# %% violation in functions/execute/handler.py
table.put_item(Item=item)

# %% violation in functions/execute/handler.py
write = client.update_item

# %% violation in functions/execute/handler.py
client.transact_write_items(TransactItems=items)

# %% violation in functions/execute/handler.py
getattr(client, "put_item")(Item=item)

# %% violation in functions/execute/handler.py
with table.batch_writer() as batch:  # bad
    ...

# %% violation in functions/execute/handler.py
self._store.update(job_id, status=JobStatus.SUCCEEDED)

# %% violation in functions/execute/handler.py
store.put(replace(job, status=JobStatus.FAILED))

# %% violation in functions/execute/handler.py
self._jobs.set_status(job_id, status="cancelled")

# %% violation in functions/execute/handler.py
self._store.change(job, jobs.lost(job, now=now))

# %% violation in functions/execute/handler.py
def finish(self, job, outcome):
    after = jobs.ended(job, outcome)
    self._store.change(job, after)  # bad

# %% violation in functions/execute/handler.py
def write(self, before, after):
    if before.finished:
        return
    else:
        self._store.change(before, after)  # bad
def finish(self, job, outcome):
    after = jobs.ended(job, outcome)
    self.write(job, after)

# %% violation in layers/runtime/interlock/adapters/s3_files.py
client.put_item(Item=item)

# %% violation in layers/runtime/interlock/adapters/dynamo/jobs.py
def cancel(self, job):
    self._client.update_item(ExpressionAttributeValues={":s": {"S": "cancelled"}})

# %% violation in layers/runtime/interlock/adapters/dynamo/jobs.py
def heartbeat(self, job):
    self._write(job, status=JobStatus.TIMED_OUT)

# %% violation in layers/runtime/interlock/adapters/dynamo/jobs.py
def claim(self, job):
    values = {":status": JobStatus.FAILED.value}

# %% violation in layers/runtime/interlock/adapters/dynamo/jobs.py
item["status"] = "succeeded"

# %% harmless in functions/jobs/handler.py
self._store.settle(job, JobStatus.SUCCEEDED)

# %% harmless in functions/jobs/handler.py
jobs = self._store.list(status=JobStatus.FAILED)

# %% harmless in functions/jobs/handler.py
if job.status is JobStatus.CANCELLED:
    store.update(job)

# %% harmless in functions/jobs/handler.py
job = replace(job, status=JobStatus.FAILED)

# %% harmless in functions/jobs/handler.py
self._store.change(job, jobs.claimed(job, now=now))

# %% harmless in functions/jobs/handler.py
def write(self, before, after):
    if after.finished:
        self._store.settle(before, after)
    else:
        self._store.change(before, after)
def finish(self, job, outcome):
    after = jobs.ended(job, outcome)
    self.write(job, after)

# %% harmless in layers/runtime/interlock/adapters/dynamo/jobs.py
def settle(self, job, outcome):
    values = {":status": {"S": "failed"}, ":attempt": job.attempt}
    self._client.transact_write_items(TransactItems=self._items(JobStatus.FAILED, values))

# %% harmless in layers/runtime/interlock/adapters/dynamo/jobs.py
def claim(self, job):
    if job.status in (JobStatus.SUCCEEDED, JobStatus.FAILED):
        return None
    self._client.update_item(ExpressionAttributeValues={":status": {"S": "running"}})

# %% harmless in layers/runtime/interlock/adapters/dynamo/values.py
ALIASES = {"S": "failed"}
