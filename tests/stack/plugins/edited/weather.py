"""A plugin with settings, and one whose settings are not set."""

import os

from pydantic import BaseModel, SecretStr

from interlock.plugin import Plugin, ToolContext, tool


class Settings(BaseModel):
    api_key: SecretStr
    retries: int = 3


class Nothing(BaseModel):
    pass


class Told(BaseModel):
    length: int
    retries: int
    environment: str


class Weather(Plugin):
    name, version = "weather", "1"
    settings = Settings
    config: Settings

    @tool()
    def ask(self, input: Nothing, context: ToolContext) -> Told:
        key = self.config.api_key
        print("asked with", key)
        return Told(length=len(key.get_secret_value()), retries=self.config.retries, environment=str(dict(os.environ)))


class News(Weather):
    name = "news"
