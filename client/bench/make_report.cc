#include "client/bench/make_report.h"

#include <algorithm>

namespace fintag::bench {
namespace {

using Moment = std::optional<Clock::time_point>;

Clock::time_point MeasuredUntil(const Bench& bench, Clock::time_point last_answer, Moment interrupted) {
  const bool open = bench.options.rate.has_value();
  const Clock::time_point end = bench.window.end;
  if (interrupted.has_value()) return open ? *interrupted : std::min(*interrupted, end);
  if (bench.options.requests.has_value()) return last_answer;
  return open ? std::max(last_answer, end) : end;
}

double PerSecond(int64_t count, double seconds) { return seconds > 0 ? static_cast<double>(count) / seconds : 0; }

SendingReport ReportOf(const Sending& sending, const Bench& bench, Moment interrupted) {
  const bool by_time = !bench.options.requests.has_value() && !interrupted.has_value();
  const Clock::time_point until = by_time ? std::max(sending.last, bench.window.end) : sending.last;
  SendingReport report;
  report.sent = sending.sent;
  report.not_sent = sending.not_sent;
  report.sent_per_second = PerSecond(sending.sent, SecondsBetween(bench.window.begin, until));
  report.largest_delay_ms = std::chrono::duration<double, std::milli>(sending.largest_delay).count();
  return report;
}

}  // namespace

Report MakeReport(const Bench& bench, const Sending& sending, Moment interrupted) {
  Recorded recorded = bench.recorder.Take();
  const Clock::time_point until = MeasuredUntil(bench, recorded.last, interrupted);
  Report report;
  // Interrupted in the warm-up, or without any answer, the end lies before the beginning.
  report.seconds = std::max(0.0, SecondsBetween(bench.window.begin, until));
  report.requests = static_cast<int64_t>(recorded.latencies.size());
  report.texts = report.requests * bench.options.texts;
  report.bytes = recorded.text_bytes;
  report.errors = std::move(recorded.errors);
  report.requests_per_second = PerSecond(report.requests, report.seconds);
  report.texts_per_second = PerSecond(report.texts, report.seconds);
  report.bytes_per_second = PerSecond(report.bytes, report.seconds);
  report.latency_ms = StatisticsOf(std::move(recorded.latencies));
  report.error_latency_ms = StatisticsOf(std::move(recorded.error_latencies));
  if (bench.options.rate.has_value()) report.sending = ReportOf(sending, bench, interrupted);
  report.interrupted = interrupted.has_value();
  return report;
}

}  // namespace fintag::bench
