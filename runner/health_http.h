/* The gateway's health, over HTTP: for `store-runner health http://…`. Called by health.c. */
#pragma once

/* Gets <url>/health, within a few seconds, and prints {"address","http_status","health":{…}} as one line, or
 * {"address","code","message"} where nothing answers. Returns an exit code of runner_health_run. Any thread, after
 * curl_global_init. */
int runner_health_get(const char *url, long timeout_ms);
