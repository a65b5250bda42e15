#include "core/text/json_record.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/text/quoted.h"
#include "core/text/strings.h"

namespace fintag {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 100;

// Takes the parser's events, so that nothing is built of what is not wanted. Every handler returns false to stop.
class RecordHandler : public nlohmann::json_sax<json> {
 public:
  JsonRecord record;
  std::string error;

  bool null() override {
    if (place_ == Place::kRecord && field_ == Field::kDocument) return true;
    return Skippable() || WrongType();
  }
  bool boolean(bool) override { return Skippable() || WrongType(); }
  bool number_float(double, const std::string&) override { return Skippable() || WrongType(); }
  bool binary(json::binary_t&) override { return WrongType(); }

  bool number_integer(int64_t value) override {
    if (place_ == Place::kRecord && field_ == Field::kDocument) {
      record.document = StrCat("#", value);
      return true;
    }
    if (place_ == Place::kEntity && entity_field_ == EntityField::kStart) {
      record.entities->back().start = value;
      return true;
    }
    if (place_ == Place::kEntity && entity_field_ == EntityField::kEnd) {
      record.entities->back().end = value;
      return true;
    }
    return Skippable() || WrongType();
  }

  bool number_unsigned(uint64_t value) override {
    if (value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return number_integer(static_cast<int64_t>(value));
    }
    if (place_ == Place::kRecord && field_ == Field::kDocument) {
      record.document = StrCat("#", value);
      return true;
    }
    return Skippable() || WrongType();
  }

  bool string(std::string& value) override {
    if (place_ == Place::kWords) {
      words_->push_back(std::move(value));
      return true;
    }
    if (place_ == Place::kRecord && field_ == Field::kText) {
      record.text = std::move(value);
      return true;
    }
    if (place_ == Place::kRecord && field_ == Field::kDocument) {
      record.document = StrCat("\"", value);
      return true;
    }
    if (place_ == Place::kEntity && entity_field_ == EntityField::kLabel) {
      record.entities->back().label = std::move(value);
      return true;
    }
    return Skippable() || WrongType();
  }

  bool start_object(size_t) override {
    if (place_ == Place::kOutside) {
      place_ = Place::kRecord;
      return true;
    }
    if (place_ == Place::kEntities) {
      place_ = Place::kEntity;
      entity_seen_ = 0;
      record.entities->emplace_back();
      return true;
    }
    return Skip() || WrongType();
  }

  bool start_array(size_t) override {
    if (place_ == Place::kRecord && (field_ == Field::kTokens || field_ == Field::kTags)) {
      words_ = field_ == Field::kTokens ? &record.tokens.emplace() : &record.tags.emplace();
      place_ = Place::kWords;
      return true;
    }
    if (place_ == Place::kRecord && field_ == Field::kEntities) {
      record.entities.emplace();
      place_ = Place::kEntities;
      return true;
    }
    return Skip() || WrongType();
  }

  bool end_array() override {
    if (place_ == Place::kSkipped) return EndSkipped();
    place_ = Place::kRecord;
    return true;
  }

  bool end_object() override {
    if (place_ == Place::kSkipped) return EndSkipped();
    if (place_ == Place::kEntity) {
      if (entity_seen_ != kWholeEntity) return Fail(StrCat(Here(), " lacks start, end or label"));
      place_ = Place::kEntities;
    }
    return true;
  }

  bool key(std::string& name) override {
    if (place_ == Place::kRecord) {
      field_ = name == "tokens"     ? Field::kTokens
               : name == "tags"     ? Field::kTags
               : name == "text"     ? Field::kText
               : name == "entities" ? Field::kEntities
               : name == "document" ? Field::kDocument
                                    : Field::kOther;
      return field_ == Field::kOther || MarkSeen(static_cast<unsigned>(field_), seen_, name);
    }
    if (place_ == Place::kEntity) {
      entity_field_ = name == "start"   ? EntityField::kStart
                      : name == "end"   ? EntityField::kEnd
                      : name == "label" ? EntityField::kLabel
                                        : EntityField::kOther;
      return entity_field_ == EntityField::kOther || MarkSeen(static_cast<unsigned>(entity_field_), entity_seen_, name);
    }
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& exception) override {
    std::string_view what = exception.what();
    if (what.find("unexpected end of input") != std::string_view::npos) {
      return Fail("the JSON object does not end on this line; write each object on one line");
    }
    // "[json.exception.parse_error.101] parse error at line 1, column 9: syntax error while ..."
    for (std::string_view lead : {"] ", "parse error ", ": ", "syntax error "}) {
      const size_t found = what.find(lead);
      if (found != std::string_view::npos && found < 60) what.remove_prefix(found + lead.size());
    }
    return Fail(StrCat("not JSON at byte ", position, ": ", OneLine(what, 160)));
  }

 private:
  enum class Place { kOutside, kRecord, kWords, kEntities, kEntity, kSkipped };
  enum class Field : unsigned { kTokens = 1, kTags = 2, kText = 4, kEntities = 8, kDocument = 16, kOther = 0 };
  enum class EntityField : unsigned { kStart = 1, kEnd = 2, kLabel = 4, kOther = 0 };
  static constexpr unsigned kWholeEntity = 7;

  bool Fail(std::string reason) {
    error = std::move(reason);
    return false;
  }

  bool MarkSeen(unsigned bit, unsigned& seen, std::string_view name) {
    if ((seen & bit) != 0) return Fail(StrCat("\"", name, "\" is given twice"));
    seen |= bit;
    return true;
  }

  // A value of a member that nobody asked for.
  bool Skippable() const {
    return place_ == Place::kSkipped || (place_ == Place::kRecord && field_ == Field::kOther) ||
           (place_ == Place::kEntity && entity_field_ == EntityField::kOther);
  }

  bool Skip() {
    if (!Skippable()) return false;
    if (place_ != Place::kSkipped) {
      behind_skipped_ = place_;
      place_ = Place::kSkipped;
      depth_ = 0;
    }
    return ++depth_ <= kMaxDepth || Fail(StrCat("nested deeper than ", kMaxDepth));
  }

  bool EndSkipped() {
    if (--depth_ == 0) place_ = behind_skipped_;
    return true;
  }

  std::string Here() const { return StrCat("entities[", record.entities->size() - 1, "]"); }

  bool WrongType() {
    if (!error.empty()) return false;
    switch (place_) {
      case Place::kOutside:
        return Fail("a line must be a JSON object");
      case Place::kWords:
        return Fail(StrCat(field_ == Field::kTokens ? "tokens[" : "tags[", words_->size(), "] must be a string"));
      case Place::kEntities:
        return Fail(StrCat("entities[", record.entities->size(),
                           "] must be an object {\"start\":...,\"end\":...,\"label\":...}"));
      case Place::kEntity:
        return Fail(StrCat(Here(), entity_field_ == EntityField::kLabel ? ": \"label\" must be a string"
                                                                        : ": \"start\" and \"end\" must be integers"));
      default:
        break;
    }
    switch (field_) {
      case Field::kTokens:
        return Fail("\"tokens\" must be a list of strings");
      case Field::kTags:
        return Fail("\"tags\" must be a list of strings");
      case Field::kText:
        return Fail("\"text\" must be a string");
      case Field::kEntities:
        return Fail("\"entities\" must be a list of objects");
      default:
        return Fail("\"document\" must be an integer or a string");
    }
  }

  Place place_ = Place::kOutside;
  Place behind_skipped_ = Place::kOutside;
  int depth_ = 0;  // inside what is skipped
  Field field_ = Field::kOther;
  EntityField entity_field_ = EntityField::kOther;
  unsigned seen_ = 0;  // bits of Field
  unsigned entity_seen_ = 0;
  std::vector<std::string>* words_ = nullptr;  // the list at hand
};

}  // namespace

absl::StatusOr<JsonRecord> ParseJsonRecord(std::string_view line) {
  RecordHandler handler;
  if (!json::sax_parse(line.begin(), line.end(), &handler)) return absl::InvalidArgumentError(handler.error);
  return std::move(handler.record);
}

}  // namespace fintag
