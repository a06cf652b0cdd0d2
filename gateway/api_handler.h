/* Answers a request by calling the method that its route leads to. */
#pragma once

#include "gateway/exchange.h"

void api_handle(exchange *self);
