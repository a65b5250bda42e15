#include "server/datasets/dataset_json.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/text/strings.h"
#include "core/training/training_json.h"

namespace fintag::server {
namespace {

using nlohmann::json;

json PartJson(const DatasetPart& part) {
  return {{"file_name", part.file_name},
          {"sha256", part.sha256},
          {"size_bytes", part.size_bytes},
          {"sentences", part.sentences},
          {"words", part.words},
          {"documents", part.documents},
          {"scheme", part.scheme},
          {"entities_by_label", part.entities_by_label},
          {"longest_sentence_words", part.longest_sentence_words}};
}

DatasetPart PartFromJson(const json& object) {
  DatasetPart part;
  object.at("file_name").get_to(part.file_name);
  object.at("sha256").get_to(part.sha256);
  object.at("size_bytes").get_to(part.size_bytes);
  object.at("sentences").get_to(part.sentences);
  object.at("words").get_to(part.words);
  object.at("documents").get_to(part.documents);
  object.at("scheme").get_to(part.scheme);
  object.at("entities_by_label").get_to(part.entities_by_label);
  object.at("longest_sentence_words").get_to(part.longest_sentence_words);
  return part;
}

}  // namespace

std::string DatasetJson(const Dataset& dataset) {
  json object = {{"train", PartJson(dataset.train)}, {"labels", dataset.labels}};
  if (dataset.validation) object["validation"] = PartJson(*dataset.validation);
  if (dataset.word_lookup) object["word_lookup"] = ToJson(*dataset.word_lookup);
  return Dump(object);
}

absl::StatusOr<Dataset> DatasetFromJson(std::string_view text) {
  try {
    const json object = json::parse(text);
    Dataset dataset;
    dataset.train = PartFromJson(object.at("train"));
    object.at("labels").get_to(dataset.labels);
    if (object.contains("validation")) dataset.validation = PartFromJson(object["validation"]);
    if (object.contains("word_lookup")) dataset.word_lookup = ScoresFromJson(object["word_lookup"]);
    return dataset;
  } catch (const json::exception&) {  // whose message may quote what is there
    return absl::DataLossError("the description of a dataset is damaged");
  }
}

}  // namespace fintag::server
