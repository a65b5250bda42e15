#include "core/model/bert_config.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "core/model/printable.h"
#include "core/model/strict_json.h"
#include "core/text/strings.h"

namespace fintag {
namespace {

using nlohmann::json;

constexpr int64_t kLargestSize = std::numeric_limits<int32_t>::max();
constexpr int64_t kMostLayers = 512;
constexpr double kMostParameters = 2147483648.0;  // 2^31

absl::Status FieldError(std::string_view field, std::string_view what) {
  return absl::InvalidArgumentError(StrCat(field, " ", what));
}

// A field's value as it may be shown.
std::string Shown(const json& value) { return Printable(value.dump(-1, ' ', true, json::error_handler_t::replace)); }

// Reads fields one by one and keeps the first error. A field of null counts as absent, as in transformers.
class FieldReader {
 public:
  explicit FieldReader(const json& object) : object_(object) {}

  const json* Find(const char* field) const {
    const auto found = object_.find(field);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  // An integer of [least, most]; missing is an error unless there is a default.
  int64_t Integer(const char* field, int64_t least, int64_t most, std::optional<int64_t> absent = std::nullopt) {
    const json* value = Find(field);
    if (value == nullptr) {
      if (!absent) Fail(field, "is missing");
      return absent.value_or(least);
    }
    // Unsigned values over int64's range turn negative and are caught by the bound.
    const int64_t number = value->is_number_integer() ? value->get<int64_t>() : least - 1;
    if (number < least || number > most) {
      Fail(field, StrCat("is ", Shown(*value), "; an integer from ", least, " to ", most, " is called for"));
    }
    return number;
  }

  double Number(const char* field, double least, double below, double absent) {
    const json* value = Find(field);
    if (value == nullptr) return absent;
    const double number = value->is_number() ? value->get<double>() : std::numeric_limits<double>::quiet_NaN();
    if (!(number >= least && number < below)) {
      Fail(field, StrCat("is ", Shown(*value), "; a number from ", least, " to below ", below, " is called for"));
    }
    return number;
  }

  std::string Text(const char* field, std::string_view absent) {
    const json* value = Find(field);
    if (value == nullptr) return std::string(absent);
    if (!value->is_string()) {
      Fail(field, StrCat("is ", Shown(*value), "; a string is called for"));
      return std::string(absent);
    }
    return value->get<std::string>();
  }

  // True where the field is there and other than false, 0, "" and empty.
  bool IsSet(const char* field) const {
    const json* value = Find(field);
    return value != nullptr && *value != false && *value != 0 && *value != "" &&
           !(value->is_structured() && value->empty());
  }

  void Fail(std::string_view field, std::string_view what) {
    if (status_.ok()) status_ = FieldError(field, what);
  }
  const absl::Status& status() const { return status_; }

 private:
  const json& object_;
  absl::Status status_;
};

// Names of `architectures`; checks that the model is a BERT.
std::vector<std::string> CheckArchitecture(FieldReader& fields) {
  std::vector<std::string> architectures;
  if (const json* list = fields.Find("architectures"); list != nullptr && list->is_array()) {
    for (const json& name : *list) {
      if (name.is_string()) architectures.push_back(name.get<std::string>());
    }
  }
  // The first BERT folders had no model_type.
  const bool named_bert = !architectures.empty() && architectures.front().starts_with("Bert");
  const std::string type = fields.Text("model_type", named_bert ? "bert" : "");
  if (type != "bert") {
    fields.Fail("model_type", type.empty() ? std::string("is missing; \"bert\" is called for")
                                           : StrCat("is \"", Printable(type), "\"; only \"bert\" is supported"));
  }
  const std::string positions = fields.Text("position_embedding_type", "absolute");
  if (positions != "absolute") {
    fields.Fail("position_embedding_type", StrCat("is \"", Printable(positions), "\"; only \"absolute\" is supported"));
  }
  for (const char* field : {"is_decoder", "add_cross_attention", "pruned_heads", "quantization_config"}) {
    if (fields.IsSet(field)) fields.Fail(field, StrCat("is ", Shown(*fields.Find(field)), "; not supported"));
  }
  return architectures;
}

Activation ReadActivation(FieldReader& fields) {
  const std::string name = fields.Text("hidden_act", "gelu");
  if (name == "gelu") return Activation::kGelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh") return Activation::kGeluTanh;
  if (name == "relu") return Activation::kRelu;
  fields.Fail("hidden_act",
              StrCat("is \"", Printable(name), "\"; gelu, gelu_new, gelu_pytorch_tanh and relu are supported"));
  return Activation::kGelu;
}

// id2label as a list; its keys must be "0" to "n - 1".
std::vector<std::string> ReadLabels(FieldReader& fields) {
  const json* object = fields.Find("id2label");
  if (object == nullptr) return {};
  if (!object->is_object()) {
    fields.Fail("id2label", "is not an object");
    return {};
  }
  std::vector<std::string> labels(object->size());
  for (const auto& [key, label] : object->items()) {
    int64_t id = -1;
    const bool plain = !key.empty() && std::all_of(key.begin(), key.end(), absl::ascii_isdigit) &&
                       (key.size() == 1 || key.front() != '0') && absl::SimpleAtoi(key, &id);
    if (!plain || id >= static_cast<int64_t>(labels.size())) {
      fields.Fail("id2label", StrCat("has key \"", Printable(key), "\" among ", labels.size(),
                                     " labels; its keys must be 0 to ", labels.size() - 1));
      return {};
    }
    if (!label.is_string() || label.get_ref<const std::string&>().empty()) {
      fields.Fail("id2label", StrCat("has ", Shown(label), " for ", key, "; a name is called for"));
      return {};
    }
    labels[id] = label.get<std::string>();
  }
  return labels;
}

bool IsGeneric(std::string_view label) {
  constexpr std::string_view kPrefix = "LABEL_";
  return label.starts_with(kPrefix) && std::all_of(label.begin() + kPrefix.size(), label.end(), absl::ascii_isdigit);
}

// Labels of a token classifier; those of a base encoder or of another task count as none.
std::vector<std::string> ReadTags(FieldReader& fields, const std::vector<std::string>& architectures) {
  std::vector<std::string> labels = ReadLabels(fields);
  const bool classifies_tokens = std::any_of(architectures.begin(), architectures.end(), [](const std::string& name) {
    return name.ends_with("ForTokenClassification");
  });
  const bool generic = std::all_of(labels.begin(), labels.end(), IsGeneric);
  const bool has_outside = std::find(labels.begin(), labels.end(), "O") != labels.end();
  if (!classifies_tokens && (generic || !has_outside)) return {};
  std::set<std::string_view> seen;
  for (const std::string& label : labels) {
    if (!seen.insert(label).second) fields.Fail("id2label", StrCat("names ", Printable(label), " twice"));
  }
  return labels;
}

double ParameterCount(const BertConfig& config) {
  const double hidden = static_cast<double>(config.hidden_size);
  const double rows = static_cast<double>(config.vocabulary_size) + config.max_positions + config.token_types + 2;
  const double layer = 4 * (hidden + 1) * hidden + (2 * hidden + 1) * config.intermediate_size + 5 * hidden;
  return rows * hidden + layer * config.layers + (hidden + 1) * config.tags.size();
}

std::string_view ActivationName(Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return "gelu";
    case Activation::kGeluTanh:
      return "gelu_new";
    case Activation::kRelu:
      return "relu";
  }
  return "gelu";
}

}  // namespace

absl::StatusOr<BertConfig> ParseBertConfig(std::string_view text) {
  const auto object = ParseJsonObject(text);
  if (!object.ok()) return object.status();
  FieldReader fields(*object);
  const std::vector<std::string> architectures = CheckArchitecture(fields);
  BertConfig config;
  config.vocabulary_size = fields.Integer("vocab_size", 1, kLargestSize);
  config.hidden_size = fields.Integer("hidden_size", 1, kLargestSize);
  config.layers = fields.Integer("num_hidden_layers", 1, kMostLayers);
  config.heads = fields.Integer("num_attention_heads", 1, kLargestSize);
  config.intermediate_size = fields.Integer("intermediate_size", 1, kLargestSize);
  config.max_positions = fields.Integer("max_position_embeddings", 1, kLargestSize);
  config.token_types = fields.Integer("type_vocab_size", 1, kLargestSize, config.token_types);
  config.activation = ReadActivation(fields);
  config.layer_norm_epsilon = fields.Number("layer_norm_eps", 0, 1, config.layer_norm_epsilon);
  config.hidden_dropout = fields.Number("hidden_dropout_prob", 0, 1, config.hidden_dropout);
  config.attention_dropout = fields.Number("attention_probs_dropout_prob", 0, 1, config.attention_dropout);
  if (fields.Find("classifier_dropout") != nullptr) {
    config.classifier_dropout = fields.Number("classifier_dropout", 0, 1, config.hidden_dropout);
  }
  config.initializer_range = fields.Number("initializer_range", 0, 1000, config.initializer_range);
  config.padding_id = fields.Integer("pad_token_id", 0, kLargestSize, config.padding_id);
  config.tags = ReadTags(fields, architectures);
  if (!fields.status().ok()) return fields.status();

  if (config.hidden_size % config.heads != 0) {
    return FieldError("num_attention_heads",
                      StrCat("is ", config.heads, ", which does not divide hidden_size ", config.hidden_size));
  }
  if (config.padding_id >= config.vocabulary_size) {
    return FieldError("pad_token_id",
                      StrCat("is ", config.padding_id, ", outside vocab_size ", config.vocabulary_size));
  }
  if (ParameterCount(config) > kMostParameters) {
    return FieldError("hidden_size", "and the other sizes make more than 2^31 parameters");
  }
  return config;
}

std::string BertConfigJson(const BertConfig& config) {
  // Ordered, so that id2label reads 0, 1, 2, ..., 10 and not 0, 1, 10, 2.
  nlohmann::ordered_json object;
  object["architectures"].push_back(config.tags.empty() ? "BertModel" : "BertForTokenClassification");
  object["attention_probs_dropout_prob"] = config.attention_dropout;
  object["classifier_dropout"] = config.classifier_dropout ? json(*config.classifier_dropout) : json();
  object["hidden_act"] = ActivationName(config.activation);
  object["hidden_dropout_prob"] = config.hidden_dropout;
  object["hidden_size"] = config.hidden_size;
  if (!config.tags.empty()) {
    nlohmann::ordered_json& labels = object["id2label"] = nlohmann::ordered_json::object();
    for (size_t id = 0; id < config.tags.size(); ++id) labels[StrCat(id)] = config.tags[id];
  }
  object["initializer_range"] = config.initializer_range;
  object["intermediate_size"] = config.intermediate_size;
  if (!config.tags.empty()) {
    nlohmann::ordered_json& ids = object["label2id"] = nlohmann::ordered_json::object();
    for (size_t id = 0; id < config.tags.size(); ++id) ids[config.tags[id]] = id;
  }
  object["layer_norm_eps"] = config.layer_norm_epsilon;
  object["max_position_embeddings"] = config.max_positions;
  object["model_type"] = "bert";
  object["num_attention_heads"] = config.heads;
  object["num_hidden_layers"] = config.layers;
  object["pad_token_id"] = config.padding_id;
  object["position_embedding_type"] = "absolute";
  object["type_vocab_size"] = config.token_types;
  object["vocab_size"] = config.vocabulary_size;
  return object.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace fintag
