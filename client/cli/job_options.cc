#include "client/cli/job_options.h"

#include <algorithm>

#include "client/cli/message_json.h"

namespace fintag::client {
namespace {

constexpr char kTraining[] = "Training";

}  // namespace

void AddJobOptions(CLI::App& app, fintag::v1::JobSpec& spec) {
  const auto name = [&](const char* option, const char* description, auto set) {
    app.add_option_function<std::string>(option, set, description)->required()->type_name("NAME");
  };
  name("--dataset", "What to train on", [&spec](const std::string& value) { spec.set_dataset(value); });
  name("--base", "The encoder to start from, or NAME/versions/N",
       [&spec](const std::string& value) { spec.set_base(value); });
  name("--model", "The model that gets a new version; made if it is not there",
       [&spec](const std::string& value) { spec.set_model(value); });

  fintag::v1::TrainingOptions& options = *spec.mutable_options();
  const auto number = [&](const char* option, const char* description, auto set) {
    app.add_option_function<double>(option, set, description)->type_name("X")->group(kTraining);
  };
  const auto whole = [&](const char* option, const char* description, auto set) {
    app.add_option_function<int32_t>(option, set, description)->type_name("N")->group(kTraining);
  };
  whole("--epochs", "1 to 1,000 (default 5)", [&options](int32_t value) { options.set_epochs(value); });
  number("--learning-rate", "Over 0, at most 1 (default 2e-5)",
         [&options](double value) { options.set_learning_rate(value); });
  whole("--batch-size", "Sentences a step (default 8)",
        [&options](int32_t value) { options.set_batch_sentences(value); });
  whole("--batch-tokens", "Tokens a step at most, in the place of --batch-size",
        [&options](int32_t value) { options.set_batch_tokens(value); });
  whole("--gradient-accumulation", "Batches an optimiser step (default 1)",
        [&options](int32_t value) { options.set_gradient_accumulation(value); });
  number("--weight-decay", "AdamW's decay (default 0)", [&options](double value) { options.set_weight_decay(value); });
  number("--adam-beta1", "Default 0.9", [&options](double value) { options.set_adam_beta1(value); });
  number("--adam-beta2", "Default 0.999", [&options](double value) { options.set_adam_beta2(value); });
  number("--adam-epsilon", "Default 1e-8", [&options](double value) { options.set_adam_epsilon(value); });
  app.add_option_function<std::string>(
         "--schedule",
         [&options](const std::string& value) {
           options.set_schedule(value == "linear" ? fintag::v1::SCHEDULE_LINEAR : fintag::v1::SCHEDULE_CONSTANT);
         },
         "Of the learning rate (default linear, down to 0)")
      ->check(CLI::IsMember({"linear", "constant"}))
      ->group(kTraining);
  number("--warmup-ratio", "Share of all steps in which the rate rises (default 0)",
         [&options](double value) { options.set_warmup_ratio(value); });
  number("--max-gradient-norm", "Clips the gradient; 0 leaves it alone (default 1)",
         [&options](double value) { options.set_max_gradient_norm(value); });
  number("--dropout", "0 to under 1 (default: the base's own)",
         [&options](double value) { options.set_dropout(value); });
  app.add_option_function<uint64_t>(
         "--seed", [&options](uint64_t value) { options.set_seed(value); }, "Default 42")
      ->type_name("N")
      ->group(kTraining);
  app.add_option_function<std::string>(
         "--keep",
         [&options](const std::string& value) {
           options.set_keep(value == "best" ? fintag::v1::KEEP_CHECKPOINT_BEST : fintag::v1::KEEP_CHECKPOINT_LAST);
         },
         "Which epoch's weights become the model (default best, by F1)")
      ->check(CLI::IsMember({"best", "last"}))
      ->group(kTraining);
  number("--validation-fraction", "Split off a dataset without a validation part (default 0.1)",
         [&options](double value) { options.set_validation_fraction(value); });
  app.add_flag_callback(
         "--no-shuffle", [&options] { options.set_shuffle(false); }, "Keep the order of the corpus")
      ->group(kTraining);
  app.add_option_function<std::string>(
         "--device", [&options](const std::string& value) { options.set_device(value); }, "Default auto")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->group(kTraining);
  app.add_option_function<std::string>(
         "--precision", [&options](const std::string& value) { options.set_precision(value); },
         "fp32, or bf16: mixed precision, faster where the processor has it (default fp32)")
      ->check(CLI::IsMember({"fp32", "bf16"}))
      ->group(kTraining);
  whole("--threads", "0: all processors (default 0)", [&options](int32_t value) { options.set_threads(value); });
  whole("--processes", "Trainers that share the work, 1 to 1,024 (default 1)",
        [&options](int32_t value) { options.set_processes(value); });
}

std::string JobOptionOf(const std::string& field) {
  const size_t dot = field.rfind('.');
  std::string name = dot == std::string::npos ? field : field.substr(dot + 1);
  if (name == "batch_sentences") return "--batch-size";
  if (name == "shuffle") return "--no-shuffle";
  std::replace(name.begin(), name.end(), '_', '-');
  return "--" + name;
}

void AddOptionFacts(const fintag::v1::TrainingOptions& options, Facts& facts) {
  const Json json = ToJson(options);
  for (const auto& [name, value] : json.items()) {
    std::string words = name;
    std::replace(words.begin(), words.end(), '_', ' ');
    facts.Add(words, value.is_string() ? value.get<std::string>() : value.dump());
  }
}

}  // namespace fintag::client
