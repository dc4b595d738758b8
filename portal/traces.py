"""Sends spans to a collector of OpenTelemetry (OTEL_EXPORTER_OTLP_ENDPOINT); imported only where that is set.

Instrumentation by libraries would record addresses with queries, statements and headers. Ours names routes, tasks and
gateway calls; exceptions are recorded by their type.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway.tracing import Note, use_tracer

HEADER = "traceparent"


class OpenTelemetryTracer:
    """The tracer of this process; its thread is started again in processes that are forked from it."""

    def __init__(self, endpoint: str, version: str) -> None:
        resource = Resource({"service.name": "passerelle", "service.version": version})
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        self.provider = TracerProvider(resource=resource)
        self.provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self.provider.get_tracer("passerelle")
        self._names = TraceContextTextMapPropagator()

    @contextmanager
    def span(self, name: str, parent: str, attributes: Mapping[str, object]) -> Iterator[Note]:
        """Record a block."""
        context = self._names.extract({HEADER: parent}) if parent else None
        with self._tracer.start_as_current_span(
            name, context=context, record_exception=False, set_status_on_exception=False
        ) as span:

            def note(**more: object) -> None:
                if new_name := more.pop("name", None):
                    span.update_name(str(new_name))
                if problem := more.pop("error", None):
                    span.set_status(Status(StatusCode.ERROR, str(problem)))
                span.set_attributes({key: value for key, value in more.items() if isinstance(value, str | int | float)})

            note(**attributes)
            try:
                yield note
            except BaseException as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise

    def traceparent(self) -> str:
        """Return the header of the present span."""
        carrier: dict[str, str] = {}
        self._names.inject(carrier)
        return carrier.get(HEADER, "")


def send_traces(endpoint: str, version: str) -> None:
    """Send the spans of this process, and of those forked from it, to a collector."""
    use_tracer(OpenTelemetryTracer(endpoint, version))
