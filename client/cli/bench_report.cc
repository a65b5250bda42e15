#include "client/cli/bench_report.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/figures.h"
#include "client/cli/table.h"

namespace fintag::client {
namespace {

using bench::OrderStatistics;

struct Statistic {
  const char* key;
  const char* title;
  double OrderStatistics::*value;
};
constexpr Statistic kStatistics[] = {
    {"min", "min", &OrderStatistics::min},       {"mean", "mean", &OrderStatistics::mean},
    {"p50", "p50", &OrderStatistics::p50},       {"p90", "p90", &OrderStatistics::p90},
    {"p95", "p95", &OrderStatistics::p95},       {"p99", "p99", &OrderStatistics::p99},
    {"p99_9", "p99.9", &OrderStatistics::p99_9}, {"max", "max", &OrderStatistics::max},
};

// Four digits that tell, whatever the size.
std::string FigureText(double value) {
  if (value >= 1000) return WithCommas(std::llround(value));
  return absl::StrFormat("%.*f", value >= 100 ? 1 : value >= 10 ? 2 : 3, value);
}

std::string Counted(int64_t count, const std::string& thing) {
  return absl::StrCat(WithCommas(count), " ", thing, count == 1 ? "" : "s");
}

std::string TitleText(const bench::Options& options) {
  const bool ours = options.protocol == bench::Protocol::kFintag;
  return absl::StrCat(
      options.model, " at ", options.server, " by ",
      ours ? "fintag.v1.TaggingService/Tag" : "inference.GRPCInferenceService/ModelInfer", "\n",
      options.rate.has_value() ? absl::StrCat("open loop, ", FigureText(*options.rate), " requests a second")
                               : absl::StrCat("closed loop, ", Counted(options.clients, "client")),
      ", ", Counted(bench::ConnectionsOf(options), "connection"), ", ", Counted(options.texts, "text"), " a request\n");
}

std::string ErrorsText(const bench::Report& report) {
  std::string text;
  for (const auto& [code, count] : report.errors) {
    text += absl::StrCat(text.empty() ? "" : ", ", WithCommas(count), " ", code);
  }
  return text;
}

void AddLatencies(Table& table, const std::string& name, const std::optional<OrderStatistics>& statistics) {
  if (!statistics.has_value()) return;
  std::vector<Cell> cells = {name};
  for (const Statistic& statistic : kStatistics) cells.emplace_back(FigureText((*statistics).*statistic.value));
  table.AddRow(std::move(cells));
}

// Null for each statistic where nothing was measured.
Json LatenciesJson(const std::optional<OrderStatistics>& statistics) {
  Json latencies;
  for (const Statistic& statistic : kStatistics) {
    latencies[statistic.key] = statistics.has_value() ? Json((*statistics).*statistic.value) : Json();
  }
  return latencies;
}

}  // namespace

Json BenchJson(const bench::Options& options, const bench::Report& report) {
  const bool open = options.rate.has_value();
  Json errors = Json::object();
  for (const auto& [code, count] : report.errors) errors[code] = count;
  const bench::SendingReport sending = report.sending.value_or(bench::SendingReport());
  return {{"protocol", options.protocol == bench::Protocol::kFintag ? "fintag" : "inference"},
          {"model", options.model},
          {"mode", open ? "open" : "closed"},
          {"clients", open ? Json() : Json(options.clients)},
          {"rate", open ? Json(*options.rate) : Json()},
          {"connections", bench::ConnectionsOf(options)},
          {"texts_per_request", options.texts},
          {"seconds", report.seconds},
          {"requests", report.requests},
          {"texts", report.texts},
          {"bytes", report.bytes},
          {"errors", errors},
          {"requests_per_second", report.requests_per_second},
          {"texts_per_second", report.texts_per_second},
          {"latency_ms", LatenciesJson(report.latency_ms)},
          {"error_latency_ms", LatenciesJson(report.error_latency_ms)},
          {"sent", open ? Json(sending.sent) : Json()},
          {"sent_per_second", open ? Json(sending.sent_per_second) : Json()},
          {"not_sent", open ? Json(sending.not_sent) : Json()},
          {"largest_send_delay_ms", open ? Json(sending.largest_delay_ms) : Json()},
          {"server", options.server},
          {"interrupted", report.interrupted}};
}

std::string BenchText(const bench::Options& options, const bench::Report& report, const Terminal& terminal) {
  Facts facts;
  facts.Add("measured", absl::StrCat(FigureText(report.seconds), " s", report.interrupted ? ", interrupted" : ""));
  facts.Add("requests",
            absl::StrCat(WithCommas(report.requests), ", ", FigureText(report.requests_per_second), " a second"));
  facts.Add("texts", absl::StrCat(WithCommas(report.texts), ", ", FigureText(report.texts_per_second), " a second"));
  facts.Add("text",
            absl::StrCat(SizeText(report.bytes), ", ", SizeText(std::llround(report.bytes_per_second)), " a second"));
  if (report.sending.has_value()) {
    facts.Add("sent",
              absl::StrCat(WithCommas(report.sending->sent), ", ", FigureText(report.sending->sent_per_second),
                           " a second, ", FigureText(report.sending->largest_delay_ms), " ms late at the most"));
    if (report.sending->not_sent > 0) {
      facts.Add("not sent", absl::StrCat(WithCommas(report.sending->not_sent), ": ",
                                         Counted(options.max_outstanding, "request"), " had no answer yet"));
    }
  }
  facts.Add("errors", ErrorsText(report));

  std::vector<Column> columns = {{"latency, ms", Align::kLeft, 0}};
  for (const Statistic& statistic : kStatistics) columns.push_back({statistic.title, Align::kRight, 0});
  Table latencies(std::move(columns));
  AddLatencies(latencies, "requests", report.latency_ms);
  AddLatencies(latencies, "errors", report.error_latency_ms);
  return absl::StrCat(TitleText(options), "\n", facts.Text(terminal),
                      latencies.empty() ? "" : "\n" + latencies.Text(terminal));
}

}  // namespace fintag::client
