#include "core/training/training_record.h"

#include "core/training/sha256.h"
#include "core/training/training_json.h"
#include "core/version.h"

namespace fintag {

std::string TrainingRecordJson(const TrainingRecord& record) {
  using nlohmann::json;
  json epochs = json::array();
  for (const EpochResult& epoch : record.result.epochs) {
    epochs.push_back({{"epoch", epoch.epoch},
                      {"train_loss", epoch.train_loss},
                      {"validation_loss", epoch.validation_loss},
                      {"scores", ToJson(epoch.scores)},
                      {"unseen", ToJson(epoch.unseen)},
                      {"best", epoch.best}});
  }
  const TrainingStart& start = record.start;
  const json object = {{"format", 1},
                       {"version", kVersion},
                       {"base", {{"sha256", record.base_sha256}}},
                       {"dataset",
                        {{"train_sha256", record.train_sha256},
                         {"validation_sha256", record.validation_sha256},
                         {"train_sentences", start.train_sentences},
                         {"train_tokens", start.train_tokens},
                         {"validation_sentences", start.validation_sentences}}},
                       {"options", ToJson(record.options)},
                       {"seed", record.options.seed},
                       {"device", start.device},
                       {"threads", start.threads},
                       {"parameters", start.parameters},
                       {"total_steps", start.total_steps},
                       {"tags", start.tags},
                       {"notes", start.notes},
                       {"baseline", ToJson(start.word_lookup)},
                       {"epochs", std::move(epochs)},
                       {"best_epoch", record.result.best_epoch},
                       {"kept_epoch", record.result.kept_epoch},
                       {"precision_f1", record.result.precision_f1},
                       {"cancelled", record.result.cancelled}};
  return Dump(object, 2) + "\n";
}

std::string RunIdentity(const TrainingRecord& record, int64_t train_tokens) {
  TrainingOptions options = record.options;
  options.device = "";
  options.threads = 0;
  return Sha256Hex(Dump({{"base", record.base_sha256},
                         {"train", record.train_sha256},
                         {"validation", record.validation_sha256},
                         {"train_tokens", train_tokens},
                         {"options", ToJson(options)}}));
}

}  // namespace fintag
