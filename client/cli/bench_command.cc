// fintag bench --model NAME [--file FILE] [--clients N | --rate R]
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/bench/run.h"
#include "client/bench/texts.h"
#include "client/cli/bench_report.h"
#include "client/cli/commands.h"
#include "client/cli/figures.h"
#include "client/cli/interrupt.h"
#include "client/cli/progress_bar.h"

namespace fintag::client {
namespace {

struct BenchArguments {
  bench::Options options;
  std::string file;
  std::string protocol = "fintag";
  std::string input;     // empty: not given
  double warm_up = 2;    // seconds
  double duration = 10;  // seconds
};

std::string LiveText(const bench::Progress& progress, const Terminal& terminal) {
  switch (progress.phase) {
    case bench::Phase::kConnecting:
      return "first request ...";
    case bench::Phase::kWarmUp:
      return "warming up ...";
    case bench::Phase::kMeasuring:
    case bench::Phase::kLastAnswers:
      break;
  }
  ProgressBar bar;
  bar.label = progress.phase == bench::Phase::kMeasuring ? "measuring" : "last answers";
  bar.fraction = progress.fraction;
  bar.figures = {
      absl::StrCat(WithCommas(static_cast<int64_t>(progress.requests_per_second)), " requests/s"),
      absl::StrCat(WithCommas(progress.requests), " requests"),
  };
  if (progress.failed > 0)
    bar.figures.insert(bar.figures.begin(), absl::StrCat(WithCommas(progress.failed), " failed"));
  return bar.Text(terminal);
}

int Measure(const Session& session, const bench::Options& options, std::vector<std::string> texts) {
  const Terminal err = session.err();
  LiveLine live(err);
  absl::Notification stop;
  absl::StatusOr<bench::Report> report = absl::UnknownError("");
  {
    Interrupt interrupt([&stop] { stop.Notify(); });
    report = bench::Run(options, std::move(texts), stop, [&](const bench::Progress& progress) {
      if (!session.json) live.Draw(LiveText(progress, err));
    });
  }
  live.Clear();
  if (!report.ok()) return session.Fail(report.status());
  if (session.json) {
    session.PrintJson(BenchJson(options, *report));
  } else {
    session.Print(BenchText(options, *report, session.out()));
  }
  if (report->interrupted) {
    session.Note(report->seconds > 0 ? "interrupted: this is what was measured until then"
                                     : "interrupted before anything was measured");
    return kInterrupted;
  }
  if (report->requests == 0) session.Note("no request succeeded");
  return report->requests > 0 ? kDone : kFailed;
}

int RunBench(const Session& session, const BenchArguments& arguments) {
  bench::Options options = arguments.options;
  options.server = session.server;
  absl::StatusOr<Security> security = session.LoadSecurity();
  if (!security.ok()) return session.Fail(security.status());
  options.security = *std::move(security);
  options.warm_up = absl::Seconds(arguments.warm_up);
  options.duration = absl::Seconds(arguments.duration);
  if (arguments.protocol == "inference") options.protocol = bench::Protocol::kInference;
  if (!arguments.input.empty()) {
    if (arguments.protocol != "inference") return session.Misused("--input needs --protocol inference");
    options.input = arguments.input;
  }
  if (session.timeout_seconds > 0) options.timeout = absl::Seconds(session.timeout_seconds);
  if (absl::Status status = bench::CheckOptions(options); !status.ok()) {
    return session.Misused(absl::StrCat("--", std::string(status.message())));
  }
  if (arguments.file.empty()) return Measure(session, options, bench::BuiltInTexts());
  absl::StatusOr<std::vector<std::string>> texts = bench::ReadTexts(arguments.file);
  if (!texts.ok()) return session.Fail(texts.status());
  return Measure(session, options, *std::move(texts));
}

}  // namespace

void AddBenchCommand(CLI::App& root, Session& session) {
  CLI::App* command = root.add_subcommand("bench", "Load a server with requests and measure it");
  command->footer(R"(Examples:
  fintag bench --model tagger --clients 32
  fintag bench --model tagger --rate 200 --duration 60 --file filings.txt
  fintag --server localhost:8081 --json bench --protocol inference --model ner --clients 512
With --clients each caller waits for its answer before it sends again (closed loop): for the highest throughput. With
--rate requests are due at random times whatever the answers do (open loop), and a latency counts from the moment its
request was due: for the latency under a given load. --timeout is each request's deadline. One request that is not
counted goes ahead; the texts are held in memory.
Exit status 0 if any request succeeded: the errors are in the report.)");
  auto arguments = std::make_shared<BenchArguments>();
  bench::Options& options = arguments->options;
  command->add_option("--model", options.model, "The tagger, or NAME/versions/N; for inference the name as it is")
      ->required()
      ->type_name("NAME");
  command
      ->add_option("--file", arguments->file, "One text a line; - for the standard input (default: a built-in dozen)")
      ->type_name("FILE");
  command->add_option("--protocol", arguments->protocol, "fintag.v1 (default) or the Open Inference Protocol")
      ->check(CLI::IsMember({"fintag", "inference"}));
  command->add_option("--input", arguments->input, "Name of the texts' tensor, for inference (default TEXT)")
      ->type_name("NAME");
  CLI::Option* clients =
      command->add_option("--clients", options.clients, "Callers of the closed loop (default 8)")->type_name("N");
  CLI::Option* rate = command->add_option("--rate", options.rate, "Requests a second of an open loop")
                          ->type_name("R")
                          ->excludes(clients);
  command
      ->add_option("--max-outstanding", options.max_outstanding,
                   "Open loop: a request due while so many are unanswered is not sent, and counted so (default 10000)")
      ->type_name("N")
      ->needs(rate);
  CLI::Option* duration =
      command->add_option("--duration", arguments->duration, "How long to measure (default 10)")->type_name("SECONDS");
  command->add_option("--warm-up", arguments->warm_up, "Load before that, not counted (default 2)")
      ->type_name("SECONDS");
  command->add_option("--requests", options.requests, "Measure so many requests instead of a time")
      ->type_name("N")
      ->excludes(duration);
  command->add_option("--texts", options.texts, "Texts a request (default 1)")->type_name("N");
  command
      ->add_option("--connections", options.connections,
                   "TCP connections to share (default one a client up to 64; 16 with --rate)")
      ->type_name("N");
  command->add_option("--seed", options.seed, "Of the texts' order and the open loop's times (default 1)")
      ->type_name("N");
  command->callback(
      [&session, arguments] { session.action = [&session, arguments] { return RunBench(session, *arguments); }; });
}

}  // namespace fintag::client
