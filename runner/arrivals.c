/* See arrivals.h. Within a phase of T seconds that goes from rate a to b, a*t + (b-a)*t*t/(2*T) are due after t. */
#include "runner/arrivals.h"

#include <math.h>

static double seconds(const runner_phase *phase) {
  return (double)phase->duration_us / 1e6;
}

static double total_of(const runner_phase *phase) {
  return seconds(phase) * (phase->from + phase->to) / 2;
}

double runner_arrivals_total(const runner_arrivals *arrivals) {
  double total = 0;
  for (size_t i = 0; i < arrivals->count; i++) total += total_of(&arrivals->phases[i]);
  return total;
}

int64_t runner_arrivals_duration_us(const runner_arrivals *arrivals) {
  int64_t duration = 0;
  for (size_t i = 0; i < arrivals->count; i++) duration += arrivals->phases[i].duration_us;
  return duration;
}

double runner_arrivals_until(const runner_arrivals *arrivals, int64_t time_us) {
  double total = 0;
  for (size_t i = 0; i < arrivals->count && time_us > 0; i++) {
    const runner_phase *phase = &arrivals->phases[i];
    double t = (double)(time_us < phase->duration_us ? time_us : phase->duration_us) / 1e6;
    total += phase->from * t + (phase->to - phase->from) * t * t / (2 * seconds(phase));
    time_us -= phase->duration_us;
  }
  return total;
}

/* The root of the quadratic, in the form that does not cancel when the rates are nearly the same. */
static double time_within(const runner_phase *phase, double count) {
  double slope = (phase->to - phase->from) / seconds(phase);
  double root = sqrt(fmax(0, phase->from * phase->from + 2 * slope * count));
  return phase->from + root > 0 ? 2 * count / (phase->from + root) : 0;
}

int64_t runner_arrivals_due_us(const runner_arrivals *arrivals, double count) {
  int64_t begin_us = 0;
  for (size_t i = 0; i < arrivals->count; i++) {
    const runner_phase *phase = &arrivals->phases[i];
    double in_phase = total_of(phase);
    if (count < in_phase) return begin_us + llround(time_within(phase, count) * 1e6);
    count -= in_phase;
    begin_us += phase->duration_us;
  }
  return -1;
}

double runner_arrivals_rate(const runner_arrivals *arrivals, int64_t time_us) {
  for (size_t i = 0; i < arrivals->count; i++) {
    const runner_phase *phase = &arrivals->phases[i];
    if (time_us < phase->duration_us) {
      return phase->from + (phase->to - phase->from) * (double)time_us / (double)phase->duration_us;
    }
    time_us -= phase->duration_us;
  }
  return 0;
}
