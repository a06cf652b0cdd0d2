/* What the plugin writes. Each function writes one file's text from a model without errors. */
#pragma once

#include <stdio.h>

#include "model.h"

#define WRITERS_NOTE(from) "/* Written by protoc-gen-store from " from ". Do not edit: build the target gen. */\n"

/* api.h and api.c: the tables of services, methods and routes. */
void api_write_header(const api_model *model, FILE *out);
void api_write_tables(const api_model *model, FILE *out);

/* file_descriptor_set.c: all files as a serialized FileDescriptorSet, without comments. */
void api_write_descriptor_set(const api_model *model, FILE *out);

/* *.rpc.h: typed handlers and client functions of the services of one file. */
void stubs_write(const api_model *model, const file_proto *file, FILE *out);

/* openapi.json */
void openapi_write(const api_model *model, FILE *out);
