#include "core/training/event_json.h"

#include <array>
#include <charconv>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/training/training_json.h"

namespace fintag {
namespace {

using nlohmann::json;

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) ? 0xEDB88320u : 0u);
    table[i] = value;
  }
  return table;
}

constexpr size_t kChecksumDigits = 8;

// A type's name and its two directions, one struct an event type.

struct StateCodec {
  static constexpr char kName[] = "state";
  static void Write(const StateChanged& e, json& o) {
    o["state"] = e.state;
    o["reason"] = e.reason;
    o["model_version"] = e.model_version;
  }
  static StateChanged Read(const json& o) { return {o.at("state"), o.at("reason"), o.at("model_version")}; }
};

struct StartCodec {
  static constexpr char kName[] = "start";
  static void Write(const TrainingStart& e, json& o) {
    o["device"] = e.device;
    o["threads"] = e.threads;
    o["parameters"] = e.parameters;
    o["train_sentences"] = e.train_sentences;
    o["train_tokens"] = e.train_tokens;
    o["validation_sentences"] = e.validation_sentences;
    o["total_steps"] = e.total_steps;
    o["word_lookup"] = ToJson(e.word_lookup);
    o["tags"] = e.tags;
    o["notes"] = e.notes;
  }
  static TrainingStart Read(const json& o) {
    TrainingStart e;
    o.at("device").get_to(e.device);
    ReadInteger(o.at("threads"), e.threads);
    ReadInteger(o.at("parameters"), e.parameters);
    ReadInteger(o.at("train_sentences"), e.train_sentences);
    ReadInteger(o.at("train_tokens"), e.train_tokens);
    ReadInteger(o.at("validation_sentences"), e.validation_sentences);
    ReadInteger(o.at("total_steps"), e.total_steps);
    e.word_lookup = ScoresFromJson(o.at("word_lookup"));
    o.at("tags").get_to(e.tags);
    o.at("notes").get_to(e.notes);
    return e;
  }
};

struct ProgressCodec {
  static constexpr char kName[] = "progress";
  static void Write(const TrainingProgress& e, json& o) { o.update(ToJson(e)); }
  static TrainingProgress Read(const json& o) { return TrainingProgressFromJson(o); }
};

struct EpochCodec {
  static constexpr char kName[] = "epoch";
  static void Write(const EpochResult& e, json& o) { o.update(ToJson(e)); }
  static EpochResult Read(const json& o) { return EpochResultFromJson(o); }
};

struct FinishedCodec {
  static constexpr char kName[] = "finished";
  static void Write(const TrainingFinished& e, json& o) {
    o["best_epoch"] = e.best_epoch;
    o["kept_epoch"] = e.kept_epoch;
    o["cancelled"] = e.cancelled;
  }
  static TrainingFinished Read(const json& o) {
    TrainingFinished e;
    ReadInteger(o.at("best_epoch"), e.best_epoch);
    ReadInteger(o.at("kept_epoch"), e.kept_epoch);
    o.at("cancelled").get_to(e.cancelled);
    return e;
  }
};

struct FailedCodec {
  static constexpr char kName[] = "failed";
  static void Write(const TrainingFailed& e, json& o) {
    o["code"] = e.code;
    o["reason"] = e.reason;
  }
  static TrainingFailed Read(const json& o) { return {o.at("code"), o.at("reason")}; }
};

template <typename Codec, typename T>
bool WriteIf(const Event& event, json& object) {
  const T* what = std::get_if<T>(&event.what);
  if (what == nullptr) return false;
  object["type"] = Codec::kName;
  Codec::Write(*what, object);
  return true;
}

template <typename Codec>
bool ReadIf(std::string_view type, const json& object, Event& event) {
  if (type != Codec::kName) return false;
  event.what = Codec::Read(object);
  return true;
}

}  // namespace

uint32_t Crc32(std::string_view bytes) {
  static constexpr std::array<uint32_t, 256> kTable = MakeCrcTable();
  uint32_t value = 0xFFFFFFFFu;
  for (const char byte : bytes) value = kTable[(value ^ static_cast<unsigned char>(byte)) & 0xFF] ^ (value >> 8);
  return ~value;
}

std::string EncodeEvent(const Event& event) {
  json object = {{"sequence", event.sequence}, {"time", event.unix_milliseconds}};
  if (!event.trace_id.empty()) object["trace_id"] = event.trace_id;
  WriteIf<StateCodec, StateChanged>(event, object) || WriteIf<StartCodec, TrainingStart>(event, object) ||
      WriteIf<ProgressCodec, TrainingProgress>(event, object) || WriteIf<EpochCodec, EpochResult>(event, object) ||
      WriteIf<FinishedCodec, TrainingFinished>(event, object) || WriteIf<FailedCodec, TrainingFailed>(event, object);
  const std::string text = Dump(object);
  return absl::StrCat(absl::Hex(Crc32(text), absl::kZeroPad8), " ", text, "\n");
}

absl::StatusOr<Event> DecodeEvent(std::string_view line) {
  if (line.empty() || line.back() != '\n') return absl::DataLossError("an event line without its end");
  line.remove_suffix(1);
  uint32_t checksum = 0;
  if (line.size() <= kChecksumDigits || line[kChecksumDigits] != ' ' ||
      std::from_chars(line.data(), line.data() + kChecksumDigits, checksum, 16).ptr != line.data() + kChecksumDigits) {
    return absl::DataLossError("an event line without a checksum");
  }
  const std::string_view text = line.substr(kChecksumDigits + 1);
  if (Crc32(text) != checksum) return absl::DataLossError("an event line whose checksum is wrong");
  try {
    const json object = json::parse(text);
    Event event;
    ReadInteger(object.at("sequence"), event.sequence);
    ReadInteger(object.at("time"), event.unix_milliseconds);
    if (const auto trace = object.find("trace_id"); trace != object.end()) trace->get_to(event.trace_id);
    const std::string type = object.at("type");
    if (ReadIf<StateCodec>(type, object, event) || ReadIf<StartCodec>(type, object, event) ||
        ReadIf<ProgressCodec>(type, object, event) || ReadIf<EpochCodec>(type, object, event) ||
        ReadIf<FinishedCodec>(type, object, event) || ReadIf<FailedCodec>(type, object, event)) {
      return event;
    }
    return absl::DataLossError(absl::StrCat("an event of unknown type \"", type, "\""));
  } catch (const json::exception& error) {
    return absl::DataLossError(absl::StrCat("an event of another form: ", error.what()));
  }
}

}  // namespace fintag
