/* Settings to recorder and exporter. */
#include "process/tracing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/settings.h"

enum { SPANS_KEPT_DEFAULT = 16384, SPANS_KEPT_MAX = 10000000, URL_MAX = 2048 };

/* Where to post spans; "" where nothing is exported. */
static void find_url(char url[URL_MAX]) {
  const char *whole = settings_text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "");
  const char *base = settings_text("OTEL_EXPORTER_OTLP_ENDPOINT", "");
  size_t length = strlen(base);
  snprintf(url, URL_MAX, "%s", whole);
  if (*whole != '\0' || length == 0) return;
  if (base[length - 1] == '/') length--;
  snprintf(url, URL_MAX, "%.*s/v1/traces", (int)length, base);
}

static trace_exporter *open_exporter(const char *url, const char *service, metrics_registry *metrics) {
  trace_exporter_config config = {
      .url = url,
      .headers = settings_text("OTEL_EXPORTER_OTLP_HEADERS", NULL),
      .service = settings_text("OTEL_SERVICE_NAME", service),
      .metrics = metrics,
      .timeout_ms = (uint32_t)settings_integer("OTEL_EXPORTER_OTLP_TIMEOUT", 10000, 1, 600000)};
  trace_exporter *exporter = trace_exporter_create(&config);
  if (exporter != NULL) return exporter;
  fprintf(stderr, "OTEL_EXPORTER_OTLP_ENDPOINT: '%s' is no http or https URL that spans can be sent to\n", url);
  exit(2);
}

bool tracing_open(tracing *self, const char *service, metrics_registry *metrics) {
  char url[URL_MAX];
  *self = (tracing){0};
  double ratio = settings_decimal("STORE_TRACE_SAMPLE_RATIO", 1, 0, 1);
  int64_t kept = settings_integer("STORE_TRACE_SPANS_KEPT", SPANS_KEPT_DEFAULT, 1, SPANS_KEPT_MAX);
  find_url(url);
  self->recorder = trace_recorder_create(service, (size_t)kept);
  if (self->recorder == NULL) return false;
  trace_recorder_sample(self->recorder, ratio);
  if (*url == '\0') return true;
  self->exporter = open_exporter(url, service, metrics);
  trace_recorder_export(self->recorder, trace_exporter_offer, self->exporter);
  return true;
}

void tracing_flush(tracing *self) {
  if (self->exporter == NULL) return;
  trace_recorder_export(self->recorder, NULL, NULL);
  trace_exporter_destroy(self->exporter);
  self->exporter = NULL;
}

void tracing_close(tracing *self) {
  tracing_flush(self);
  trace_recorder_destroy(self->recorder);
}
