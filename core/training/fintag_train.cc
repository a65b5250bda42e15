// fintag-train: the trainer, one process a run. Started by the server with --job FOLDER, or by hand.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_join.h"
#include "core/ranks/rank_place.h"
#include "core/training/brief_spin.h"
#include "core/training/job_run.h"
#include "core/training/trainer.h"
#include "core/version.h"

namespace {

using fintag::EpochResult;
using fintag::JobSpec;
using fintag::TrainingOptions;
using fintag::TrainingProgress;
using fintag::TrainingStart;

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;
constexpr int kStopped = 143;  // as a shell tells SIGTERM: what it wrote is not the end's

std::atomic<bool> stop_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free, "set in a signal handler");

void RequestStop(int) { stop_requested = true; }

void StopOnSignals() {
  struct sigaction action = {};
  action.sa_handler = RequestStop;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

// Short of memory the kernel should end the trainer, never the server.
void OfferToBeKilledFirst() { std::ofstream("/proc/self/oom_score_adj") << 500; }

// A table row an epoch on standard output, each of the others on request; of several ranks by rank 0 alone.
class TableObserver : public fintag::TrainingObserver {
 public:
  TableObserver(bool prints, bool log_steps) : prints_(prints), log_steps_(prints && log_steps) {}

  void OnStart(const TrainingStart& start) override {
    if (!prints_) return;
    std::printf("device %s, %d threads, %.1f M parameters; %lld sentences (%lld tokens) to train on, %lld to score\n",
                start.device.c_str(), start.threads, static_cast<double>(start.parameters) / 1e6,
                static_cast<long long>(start.train_sentences), static_cast<long long>(start.train_tokens),
                static_cast<long long>(start.validation_sentences));
    std::printf("word lookup without a model: precision %.4f, recall %.4f, F1 %.4f\n",
                start.word_lookup.micro.precision, start.word_lookup.micro.recall, start.word_lookup.micro.f1);
    for (const std::string& note : start.notes) std::printf("note: %s\n", note.c_str());
    std::printf("%5s %10s %10s %9s %9s %9s %9s %9s %8s %9s\n", "epoch", "loss", "val. loss", "precision", "recall",
                "F1", "unseen F1", "accuracy", "seconds", "tokens/s");
    std::fflush(stdout);
  }
  void OnStep(const TrainingProgress& progress) override {
    if (!log_steps_) return;
    std::printf("step %lld loss %.9g rate %.9g\n", static_cast<long long>(progress.step), progress.loss,
                progress.learning_rate);
  }
  void OnEpoch(const EpochResult& r) override {
    if (!prints_) return;
    std::printf("%5d %10.5f %10.5f %9.4f %9.4f %9.4f %9.4f %9.4f %8.1f %9.0f%s\n", r.epoch, r.train_loss,
                r.validation_loss, r.scores.micro.precision, r.scores.micro.recall, r.scores.micro.f1, r.unseen.f1,
                r.scores.accuracy, r.train_seconds + r.validation_seconds, r.tokens_per_second, r.best ? " *" : "");
    std::fflush(stdout);
  }

 private:
  const bool prints_;
  const bool log_steps_;
};

// Everything that the command line can say.
struct Arguments {
  std::string job;
  std::string base, train, validation, output, state;
  bool log_steps = false;
  std::string schedule = "linear", keep = "best";
  TrainingOptions options;
};

void DescribeCommand(CLI::App& app, Arguments& a) {
  TrainingOptions& o = a.options;
  app.set_version_flag("--version", std::string("fintag-train ") + fintag::kVersion);
  app.add_option("--job", a.job, "Folder with job.json; events go to its events.log")->type_name("FOLDER");
  const std::string files = "By hand";
  for (CLI::Option* option :
       {app.add_option("--base", a.base, "Checkpoint to start from, in Hugging Face layout")->type_name("FOLDER"),
        app.add_option("--train", a.train, "Corpus, CoNLL or JSON lines")->type_name("FILE"),
        app.add_option("--validation", a.validation, "Corpus to score on; without it a part of --train")
            ->type_name("FILE"),
        app.add_option("--output", a.output, "Folder that the trained model is written to")->type_name("FOLDER"),
        app.add_option(
               "--state", a.state,
               "Folder that the run's state is kept in after each epoch; a run that was ended goes on from what "
               "is there")
            ->type_name("FOLDER")}) {
    option->group(files);
  }
  app.add_flag("--log-steps", a.log_steps, "Print the loss of every step")->group(files);

  const std::string group = "Training";
  for (CLI::Option* option : {
           app.add_option("--epochs", o.epochs, "Passes over the training part")->capture_default_str(),
           app.add_option("--learning-rate", o.learning_rate, "Highest learning rate")->capture_default_str(),
           app.add_option("--batch-size", o.batch_sentences, "Sentences a batch")->capture_default_str(),
           app.add_option("--batch-tokens", o.batch_tokens, "Tokens a batch at most, in place of --batch-size"),
           app.add_option("--gradient-accumulation", o.gradient_accumulation, "Batches an optimiser step")
               ->capture_default_str(),
           app.add_option("--weight-decay", o.weight_decay, "AdamW's decay")->capture_default_str(),
           app.add_option("--adam-beta1", o.adam_beta1, "Decay of the mean gradient")->capture_default_str(),
           app.add_option("--adam-beta2", o.adam_beta2, "Decay of the mean square")->capture_default_str(),
           app.add_option("--adam-epsilon", o.adam_epsilon, "Added to the root of the mean square")
               ->capture_default_str(),
           app.add_option("--schedule", a.schedule, "Learning rate after warm-up: linear (down to 0) or constant")
               ->check(CLI::IsMember({"linear", "constant"}))
               ->capture_default_str(),
           app.add_option("--warmup-ratio", o.warmup_ratio, "Share of steps in which the rate rises from 0")
               ->capture_default_str(),
           app.add_option("--max-gradient-norm", o.max_gradient_norm, "Clips the gradient; 0: not at all")
               ->capture_default_str(),
           app.add_option_function<double>(
               "--dropout", [&o](double value) { o.dropout = value; }, "In place of the base's own"),
           app.add_option("--seed", o.seed, "Of order, dropout, fresh weights and split")->capture_default_str(),
           app.add_option("--keep", a.keep, "Epoch whose weights are kept: best (by F1) or last")
               ->check(CLI::IsMember({"best", "last"}))
               ->capture_default_str(),
           app.add_option("--validation-fraction", o.validation_fraction, "Split off without --validation")
               ->capture_default_str(),
           app.add_flag("!--no-shuffle", o.shuffle, "Keep the corpus' order in every epoch"),
           app.add_option("--device", o.device, "auto, cpu or cuda")->capture_default_str(),
           app.add_option("--precision", o.precision, "fp32, or bf16: mixed precision")->capture_default_str(),
           app.add_option("--threads", o.threads, "0: all processors")->capture_default_str(),
       }) {
    option->group(group);
  }
}

// What is wrong with the arguments together, or an empty text.
std::string CheckArguments(const CLI::App& app, const Arguments& a) {
  if (!a.job.empty()) {
    for (const CLI::Option* option : app.get_options()) {
      if (option->count() > 0 && option->get_name() != "--job") {
        return "--job takes everything from job.json: leave " + option->get_name() + " out";
      }
    }
    return "";
  }
  if (a.base.empty() || a.train.empty() || a.output.empty())
    return "--job, or --base, --train and --output are required";
  std::error_code error;
  if (std::filesystem::equivalent(a.base, a.output, error)) {
    return "--output is the folder of --base, which would be replaced: name another";
  }
  std::vector<std::string> errors;
  for (const fintag::FieldError& error : CheckTrainingOptions(a.options)) {
    errors.push_back(error.field + " " + error.reason);
  }
  return absl::StrJoin(errors, "\n");
}

absl::Status RunByHand(const Arguments& a, const fintag::RankPlace& place) {
  JobSpec spec;
  spec.base = a.base;
  spec.train = a.train;
  spec.validation = a.validation;
  spec.train_name = a.train;
  spec.validation_name = a.validation;
  spec.options = a.options;
  const bool prints = place.rank == 0;
  TableObserver observer(prints, a.log_steps);
  const absl::StatusOr<fintag::TrainingResult> result =
      fintag::ReadAndTrain(spec, a.output, a.state, observer, stop_requested, place);
  if (!result.ok()) return result.status();
  const absl::Status status = result->cancelled ? absl::CancelledError("stopped before the end") : absl::OkStatus();
  if (!prints) return status;
  if (result->kept_epoch == 0) {
    std::printf("stopped before the end of an epoch; nothing was written\n");
  } else {
    std::printf("%swrote epoch %d (best: %d) to %s\n", result->cancelled ? "stopped; " : "", result->kept_epoch,
                result->best_epoch, a.output.c_str());
  }
  if (!a.state.empty() && !result->cancelled) {
    // Who reads that the run has ended does not start it again.
    std::fflush(stdout);
    fintag::RemoveTrainingState(a.state);
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  fintag::SpinBriefly(argv);
  CLI::App app("Fine-tunes a BERT encoder to tag entities.", "fintag-train");
  Arguments arguments;
  DescribeCommand(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kWrongUsage;
  }
  arguments.options.schedule =
      arguments.schedule == "constant" ? fintag::Schedule::kConstant : fintag::Schedule::kLinear;
  arguments.options.keep = arguments.keep == "last" ? fintag::KeepCheckpoint::kLast : fintag::KeepCheckpoint::kBest;
  if (const std::string wrong = CheckArguments(app, arguments); !wrong.empty()) {
    std::fprintf(stderr, "fintag-train: %s\nRun with --help for more information.\n", wrong.c_str());
    return kWrongUsage;
  }
  const absl::StatusOr<fintag::RankPlace> place =
      fintag::RankPlaceOf([](const char* name) -> const char* { return std::getenv(name); });
  if (!place.ok()) {
    std::fprintf(stderr, "fintag-train: %s\n", std::string(place.status().message()).c_str());
    return kWrongUsage;
  }
  OfferToBeKilledFirst();
  StopOnSignals();
  // cuBLAS sums in a fixed order only with a workspace of fixed size, read when its library loads.
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  absl::Status status;
  try {
    status =
        arguments.job.empty() ? RunByHand(arguments, *place) : fintag::RunJob(arguments.job, stop_requested, *place);
  } catch (const std::bad_alloc&) {
    status = absl::ResourceExhaustedError("out of memory");
  }
  if (status.ok()) return kDone;
  const std::string who = place->distributed() ? " (" + place->Name() + ")" : "";
  std::fprintf(stderr, "fintag-train%s: %s\n", who.c_str(), std::string(status.message()).c_str());
  return arguments.job.empty() && absl::IsCancelled(status) ? kStopped : kFailed;
}
