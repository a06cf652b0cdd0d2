/* google.protobuf.Timestamp and Duration as JSON strings (RFC 3339; "1.5s"), both ways. Called by json_read and
 * json_write, which treat every other message field by field. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

enum { JSON_TIME_SIZE = 96 };

/* True for the two messages that are strings in JSON. */
bool json_time_is(const ProtobufCMessageDescriptor *descriptor);

/* Fills a message of either type from its text. False where the text is not one, or is out of range: years 1 to 9999,
 * durations of 10,000 years. */
bool json_time_read(ProtobufCMessage *message, const char *text);

/* The text of a message of either type, with 0, 3, 6 or 9 decimals. False where the message is out of range. */
bool json_time_write(const ProtobufCMessage *message, char text[JSON_TIME_SIZE]);
