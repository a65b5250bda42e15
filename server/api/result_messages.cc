// Datasets, models and scores as messages.
#include <set>

#include "core/text/tag_scheme.h"
#include "server/api/messages.h"

namespace fintag::server {

google::protobuf::Timestamp ToMessage(int64_t unix_milliseconds) {
  google::protobuf::Timestamp message;
  message.set_seconds(unix_milliseconds / 1000);
  message.set_nanos(static_cast<int32_t>(unix_milliseconds % 1000) * 1000000);
  return message;
}

fintag::v1::EntityScores ToMessage(const EntityScores& scores) {
  fintag::v1::EntityScores message;
  message.set_label(scores.label);
  message.set_precision(scores.precision);
  message.set_recall(scores.recall);
  message.set_f1(scores.f1);
  message.set_support(scores.support);
  message.set_predicted(scores.predicted);
  message.set_correct(scores.correct);
  return message;
}

fintag::v1::Scores ToMessage(const Scores& scores) {
  fintag::v1::Scores message;
  *message.mutable_micro() = ToMessage(scores.micro);
  *message.mutable_macro() = ToMessage(scores.macro);
  for (const EntityScores& label : scores.labels) *message.add_labels() = ToMessage(label);
  message.set_accuracy(scores.accuracy);
  message.set_words(scores.words);
  for (const auto& [label, predicted] : scores.confusion) {
    fintag::v1::ConfusionRow& row = *message.add_confusion();
    row.set_label(label);
    for (const auto& [other, words] : predicted) (*row.mutable_predicted())[other] = words;
  }
  return message;
}

namespace {

fintag::v1::DatasetPart PartMessage(const DatasetPart& part) {
  fintag::v1::DatasetPart message;
  message.set_file_name(part.file_name);
  message.set_sha256(part.sha256);
  message.set_size_bytes(part.size_bytes);
  message.set_sentences(part.sentences);
  message.set_words(part.words);
  message.set_documents(part.documents);
  message.set_scheme(part.scheme);
  int64_t entities = 0;
  for (const auto& [label, count] : part.entities_by_label) {
    (*message.mutable_entities_by_label())[label] = count;
    entities += count;
  }
  message.set_entities(entities);
  message.set_longest_sentence_words(part.longest_sentence_words);
  return message;
}

// Sorted. A foreign tagger may have any scheme, or tags without a prefix, which are labels themselves.
std::set<std::string> LabelsOf(const std::vector<std::string>& tags) {
  std::set<std::string> labels;
  for (const std::string& tag : tags) {
    const std::optional<ParsedTag> parsed = ParseTag(tag);
    if (!parsed.has_value()) {
      labels.insert(tag);
    } else if (parsed->prefix != 'O') {
      labels.emplace(parsed->label);
    }
  }
  return labels;
}

}  // namespace

fintag::v1::Dataset ToMessage(const Dataset& dataset) {
  fintag::v1::Dataset message;
  message.set_name("datasets/" + dataset.id);
  message.set_owner(dataset.owner);
  *message.mutable_create_time() = ToMessage(dataset.create_time_ms);
  *message.mutable_train() = PartMessage(dataset.train);
  int64_t bytes = dataset.train.size_bytes;
  if (dataset.validation.has_value()) {
    *message.mutable_validation() = PartMessage(*dataset.validation);
    bytes += dataset.validation->size_bytes;
  }
  for (const std::string& label : dataset.labels) message.add_labels(label);
  if (dataset.word_lookup.has_value()) *message.mutable_word_lookup() = ToMessage(*dataset.word_lookup);
  message.set_size_bytes(bytes);
  return message;
}

fintag::v1::ModelVersion ToMessage(const ModelVersion& version) {
  fintag::v1::ModelVersion message;
  message.set_name(version.name());
  message.set_owner(version.owner);
  *message.mutable_create_time() = ToMessage(version.create_time_ms);
  message.set_kind(version.is_base() ? fintag::v1::MODEL_KIND_BASE : fintag::v1::MODEL_KIND_TAGGER);
  fintag::v1::Architecture& architecture = *message.mutable_architecture();
  architecture.set_model_type(version.architecture.model_type);
  architecture.set_parameters(version.architecture.parameters);
  architecture.set_layers(version.architecture.layers);
  architecture.set_hidden_size(version.architecture.hidden_size);
  architecture.set_heads(version.architecture.heads);
  architecture.set_intermediate_size(version.architecture.intermediate_size);
  architecture.set_vocabulary_size(version.architecture.vocabulary_size);
  architecture.set_max_positions(version.architecture.max_positions);
  for (const std::string& tag : version.tags) message.add_tags(tag);
  for (const std::string& label : LabelsOf(version.tags)) message.add_labels(label);
  if (version.scores.has_value()) *message.mutable_scores() = ToMessage(*version.scores);
  if (version.unseen.has_value()) *message.mutable_unseen() = ToMessage(*version.unseen);
  if (version.word_lookup.has_value()) *message.mutable_word_lookup() = ToMessage(*version.word_lookup);
  message.set_job(version.job);
  message.set_base(version.base);
  message.set_dataset(version.dataset);
  message.set_size_bytes(version.size_bytes);
  message.set_weights_sha256(version.weights_sha256);
  for (const std::string& note : version.notes) message.add_notes(note);
  return message;
}

fintag::v1::PrecisionChoice ToMessage(const PrecisionChoice& choice) {
  fintag::v1::PrecisionChoice message;
  message.set_machine(choice.machine);
  message.set_chosen(choice.precision);
  for (const PrecisionFigures& candidate : choice.figures) {
    fintag::v1::PrecisionFigures& figures = *message.add_figures();
    figures.set_precision(candidate.precision);
    figures.set_f1(candidate.f1);
    figures.set_tokens_per_second(candidate.tokens_per_second);
  }
  return message;
}

}  // namespace fintag::server
