#include "server/api/tagging.h"

#include <algorithm>

#include "core/text/strings.h"
#include "server/api/resource_name.h"
#include "server/api/status_conversion.h"

namespace fintag::server {
namespace {

using Clock = std::chrono::steady_clock;
using Inputs = google::protobuf::RepeatedPtrField<fintag::v1::TextInput>;

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

int64_t SizeOf(const fintag::v1::TextInput& input) {
  if (input.has_text()) return static_cast<int64_t>(input.text().size());
  int64_t bytes = 0;
  for (const std::string& word : input.words().words()) bytes += static_cast<int64_t>(word.size()) + 1;
  return bytes;
}

absl::Status CheckInputs(const Inputs& inputs, const char* field, const TaggingLimits& limits) {
  if (inputs.empty()) return BadField(field, "must have at least one text");
  if (inputs.size() > limits.max_texts) {
    return BadField(field, StrCat("must be ", limits.max_texts, " texts at most, are ", inputs.size()));
  }
  for (int i = 0; i < inputs.size(); ++i) {
    if (inputs[i].input_case() == fintag::v1::TextInput::INPUT_NOT_SET) {
      return BadField(StrCat(field, "[", i, "]"), "must have `text` or `words`");
    }
    if (const int64_t bytes = SizeOf(inputs[i]); bytes > limits.max_text_bytes) {
      return BadField(StrCat(field, "[", i, "]"),
                      StrCat("must be ", limits.max_text_bytes, " bytes at most, is ", bytes, ": split it"));
    }
  }
  return absl::OkStatus();
}

// Words are what a tokenizer splits first, so there are as many tokens or more, but for words of control characters
// alone. Counted at memory's speed.
int64_t LeastTokens(const Inputs& inputs) {
  int64_t words = 0;
  for (const fintag::v1::TextInput& input : inputs) {
    words += input.words().words_size();
    bool in_word = false;
    for (const char c : input.text()) {
      const bool space = c == ' ' || c == '\n' || c == '\t';
      words += !space && !in_word;
      in_word = !space;
    }
  }
  return words;
}

absl::StatusOr<std::vector<EncodedSentence>> Encode(const Tagger& tagger, const Inputs& inputs, const char* field) {
  std::vector<EncodedSentence> sentences;
  sentences.reserve(static_cast<size_t>(inputs.size()));
  for (int i = 0; i < inputs.size(); ++i) {
    const fintag::v1::TextInput& input = inputs[i];
    absl::StatusOr<EncodedSentence> sentence;
    if (input.has_text()) {
      sentence = tagger.EncodeText(input.text());
    } else {
      const std::vector<std::string> words(input.words().words().begin(), input.words().words().end());
      sentence = tagger.EncodeWords(words);
    }
    if (absl::IsInvalidArgument(sentence.status())) {
      return BadField(StrCat(field, "[", i, "]"), std::string(sentence.status().message()));
    }
    if (!sentence.ok()) return sentence.status();
    sentences.push_back(*std::move(sentence));
  }
  return sentences;
}

fintag::v1::TaggedText ToMessage(const EncodedSentence& sentence, const TaggedSentence& tagged, bool include_words) {
  fintag::v1::TaggedText message;
  for (const TaggedEntity& entity : tagged.entities) {
    fintag::v1::Entity& out = *message.add_entities();
    out.set_text(entity.text);
    out.set_label(entity.label);
    out.set_start(entity.begin);
    out.set_end(entity.end);
    out.set_score(entity.score);
    out.set_first_word(entity.first_word);
    out.set_last_word(entity.last_word);
  }
  for (size_t i = 0; include_words && i < tagged.words.size(); ++i) {
    fintag::v1::TaggedWord& out = *message.add_words();
    out.set_text(sentence.words[i].text);
    out.set_tag(tagged.words[i].tag);
    out.set_score(tagged.words[i].score);
    out.set_start(sentence.words[i].begin);
    out.set_end(sentence.words[i].end);
  }
  return message;
}

// Encodes, runs and decodes; tells how long the first and the last took.
absl::Status TagWith(const LoadedModel& model, CallerLimits& callers, grpc::ServerContext& context,
                     const TagQuestion& question, fintag::v1::TagResponse& response, TaggedCounts& counts,
                     AnswerTimes& times) {
  TagScheduler& scheduler = *model.scheduler;
  if (absl::Status room = scheduler.CheckRoom(LeastTokens(question.inputs)); !room.ok()) return room;
  const auto deadline = std::min(context.deadline(), question.deadline);
  if (std::chrono::system_clock::now() >= deadline) {
    return absl::DeadlineExceededError("the deadline passed before the texts were looked at");
  }
  if (context.IsCancelled()) return absl::CancelledError("the caller cancelled the request");
  const Tagger& tagger = scheduler.tagger();
  const auto encoding = Clock::now();
  absl::StatusOr<std::vector<EncodedSentence>> sentences = Encode(tagger, question.inputs, question.inputs_field);
  if (!sentences.ok()) return sentences.status();
  times.encode = SecondsSince(encoding);
  int64_t tokens = 0;
  for (const EncodedSentence& sentence : *sentences) tokens += sentence.tokens;
  if (absl::Status taken = callers.TakeTokens(question.caller, tokens); !taken.ok()) return taken;

  absl::Status status = scheduler.Run(
      *sentences, deadline, [&] { return context.IsCancelled(); }, question.trace_id);
  if (absl::IsInvalidArgument(status)) return BadField(question.inputs_field, std::string(status.message()));
  if (!status.ok()) return status;

  const auto decoding_start = Clock::now();
  const Decoding decoding =
      question.options.decoding() == fintag::v1::DECODING_CONSTRAINED ? Decoding::kConstrained : Decoding::kArgMax;
  counts.sentences = static_cast<int64_t>(sentences->size());
  response.set_model_version(model.version.name());
  for (const EncodedSentence& sentence : *sentences) {
    const TaggedSentence tagged = tagger.Decode(sentence, decoding);
    counts.tokens += sentence.tokens;
    counts.unknown_tokens += sentence.unknown_tokens;
    for (const TaggedEntity& entity : tagged.entities) counts.entities.emplace_back(entity.label, entity.score);
    *response.add_results() = ToMessage(sentence, tagged, question.options.include_words());
  }
  times.decode = SecondsSince(decoding_start);
  return absl::OkStatus();
}

}  // namespace

absl::Status Tagging::Tag(grpc::ServerContext& context, const TagQuestion& question,
                          fintag::v1::TagResponse& response) const {
  const auto start = Clock::now();
  if (absl::Status status = CheckModelName(question.model, "model"); !status.ok()) return status;
  if (absl::Status status = CheckInputs(question.inputs, question.inputs_field, limits_); !status.ok()) return status;
  if (!fintag::v1::Decoding_IsValid(question.options.decoding())) {
    return BadField("options.decoding", StrCat("is unknown: ", static_cast<int>(question.options.decoding())));
  }
  absl::StatusOr<std::shared_ptr<const LoadedModel>> loaded = models_.Get(
      question.model, std::min(context.deadline(), question.deadline), [&] { return context.IsCancelled(); });
  if (!loaded.ok()) return loaded.status();

  TaggedCounts counts;
  AnswerTimes times;
  absl::Status status = TagWith(**loaded, callers_, context, question, response, counts, times);
  times.total = SecondsSince(start);
  if (!status.ok()) {
    (*loaded)->statistics->OnFailure(times.total);
    return status;
  }
  (*loaded)->statistics->OnAnswer(counts.sentences, times);
  metrics_.OnTagged({(*loaded)->version.model, std::to_string((*loaded)->version.version)}, counts);
  return absl::OkStatus();
}

}  // namespace fintag::server
