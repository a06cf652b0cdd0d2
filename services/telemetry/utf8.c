/* See utf8.h: log, audit and metrics ask it which bytes may be written as they are, traces where a text may be cut, RPC
 * and the gateway whether a text may come in. */
#include "telemetry/utf8.h"

#include <stdint.h>
#include <string.h>

/* Lead bytes, how many bytes follow, and what the second one may be: this excludes overlong forms, surrogates and what
 * lies above U+10FFFF (RFC 3629 §4). */
static const struct {
  unsigned char first, last;
  unsigned char length;
  unsigned char second_low, second_high;
} sequences[] = {
    {0xC2, 0xDF, 2, 0x80, 0xBF}, {0xE0, 0xE0, 3, 0xA0, 0xBF}, {0xE1, 0xEC, 3, 0x80, 0xBF}, {0xED, 0xED, 3, 0x80, 0x9F},
    {0xEE, 0xEF, 3, 0x80, 0xBF}, {0xF0, 0xF0, 4, 0x90, 0xBF}, {0xF1, 0xF3, 4, 0x80, 0xBF}, {0xF4, 0xF4, 4, 0x80, 0x8F},
};

size_t utf8_sequence_length(const char *text) {
  const unsigned char *byte = (const unsigned char *)text;
  if (byte[0] < 0x80) return 1;
  for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++) {
    if (byte[0] < sequences[i].first || byte[0] > sequences[i].last) continue;
    if (byte[1] < sequences[i].second_low || byte[1] > sequences[i].second_high) return 0;
    for (size_t at = 2; at < sequences[i].length; at++) {
      if ((byte[at] & 0xC0) != 0x80) return 0;
    }
    return sequences[i].length;
  }
  return 0;
}

/* Most texts are ASCII: eight bytes at a time, as far as they go. */
static const char *skip_ascii(const char *text, size_t length) {
  uint64_t word;
  for (; length >= sizeof word; text += sizeof word, length -= sizeof word) {
    memcpy(&word, text, sizeof word);
    if (word & 0x8080808080808080u) break;
  }
  return text;
}

bool utf8_is_valid(const char *text) {
  text = skip_ascii(text, strlen(text));
  while (*text) {
    size_t step = utf8_sequence_length(text);
    if (step == 0) return false;
    text += step;
  }
  return true;
}

void utf8_copy(char *out, size_t size, const char *text) {
  size_t length = text == NULL ? 0 : strnlen(text, size);
  if (length == size) {
    length--;
    while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80) length--;
  }
  if (length > 0) memcpy(out, text, length);
  out[length] = '\0';
}
