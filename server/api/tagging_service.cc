#include "server/api/tagging_service.h"

#include "core/text/strings.h"
#include "server/api/resource_name.h"
#include "server/api/status_conversion.h"

namespace fintag::server {
namespace {

using Inputs = google::protobuf::RepeatedPtrField<fintag::v1::TextInput>;

std::string Method(const char* name) { return std::string("fintag.v1.TaggingService/") + name; }

int64_t SizeOf(const fintag::v1::TextInput& input) {
  if (input.has_text()) return static_cast<int64_t>(input.text().size());
  int64_t bytes = 0;
  for (const std::string& word : input.words().words()) bytes += static_cast<int64_t>(word.size()) + 1;
  return bytes;
}

absl::Status CheckInputs(const Inputs& inputs, const TaggingLimits& limits) {
  if (inputs.empty()) return BadField("inputs", "must have at least one text");
  if (inputs.size() > limits.max_texts) {
    return BadField("inputs", StrCat("must be ", limits.max_texts, " texts at most, are ", inputs.size()));
  }
  for (int i = 0; i < inputs.size(); ++i) {
    if (inputs[i].input_case() == fintag::v1::TextInput::INPUT_NOT_SET) {
      return BadField(StrCat("inputs[", i, "]"), "must have `text` or `words`");
    }
    if (const int64_t bytes = SizeOf(inputs[i]); bytes > limits.max_text_bytes) {
      return BadField(StrCat("inputs[", i, "]"),
                      StrCat("must be ", limits.max_text_bytes, " bytes at most, is ", bytes, ": split it"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<EncodedSentence>> Encode(const Tagger& tagger, const Inputs& inputs) {
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
      return BadField(StrCat("inputs[", i, "]"), std::string(sentence.status().message()));
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

}  // namespace

absl::Status TaggingService::TagInputs(grpc::ServerContext& context, const std::string& model, const Inputs& inputs,
                                       const fintag::v1::TagOptions& options, fintag::v1::TagResponse& response) {
  if (absl::Status status = CheckModelName(model, "model"); !status.ok()) return status;
  if (absl::Status status = CheckInputs(inputs, limits_); !status.ok()) return status;
  if (!fintag::v1::Decoding_IsValid(options.decoding())) {
    return BadField("options.decoding", StrCat("is unknown: ", static_cast<int>(options.decoding())));
  }
  absl::StatusOr<std::shared_ptr<const LoadedModel>> loaded = models_.Get(model);
  if (!loaded.ok()) return loaded.status();
  if (context.IsCancelled()) return absl::CancelledError("the caller went away");
  TagScheduler& scheduler = *(*loaded)->scheduler;
  const Tagger& tagger = scheduler.tagger();

  absl::StatusOr<std::vector<EncodedSentence>> sentences = Encode(tagger, inputs);
  if (!sentences.ok()) return sentences.status();
  absl::Status status = scheduler.Run(*sentences, context.deadline(), [&] { return context.IsCancelled(); });
  if (absl::IsInvalidArgument(status)) return BadField("inputs", std::string(status.message()));
  if (!status.ok()) return status;

  const Decoding decoding =
      options.decoding() == fintag::v1::DECODING_CONSTRAINED ? Decoding::kConstrained : Decoding::kArgMax;
  TaggedCounts counts;
  counts.sentences = static_cast<int64_t>(sentences->size());
  response.set_model_version((*loaded)->version.name());
  for (const EncodedSentence& sentence : *sentences) {
    const TaggedSentence tagged = tagger.Decode(sentence, decoding);
    counts.tokens += sentence.tokens;
    counts.unknown_tokens += sentence.unknown_tokens;
    for (const TaggedEntity& entity : tagged.entities) counts.entities.emplace_back(entity.label, entity.score);
    *response.add_results() = ToMessage(sentence, tagged, options.include_words());
  }
  environment_.metrics.OnTagged({(*loaded)->version.model, std::to_string((*loaded)->version.version)}, counts);
  return absl::OkStatus();
}

absl::Status TaggingService::Stream(
    grpc::ServerContext& context,
    grpc::ServerReaderWriter<fintag::v1::TagStreamResponse, fintag::v1::TagStreamRequest>& stream) {
  fintag::v1::TagStreamRequest request;
  std::string model;
  for (int64_t number = 1; stream.Read(&request); ++number) {
    if (!request.model().empty()) model = request.model();
    fintag::v1::TagStreamResponse response;
    response.set_request(number);
    const absl::Status status =
        TagInputs(context, model, request.inputs(), request.options(), *response.mutable_response());
    // The caller's own end is the stream's end; anything else concerns this request alone.
    if (context.IsCancelled()) return absl::CancelledError("the caller went away");
    if (absl::IsDeadlineExceeded(status)) return status;
    if (!status.ok()) {
      response.mutable_error()->set_code(static_cast<int>(status.code()));
      response.mutable_error()->set_message(std::string(status.message()));
    }
    if (!stream.Write(response)) return absl::CancelledError("the caller went away");
    if (environment_.stopping) {
      return absl::UnavailableError("the server is stopping: send what is not answered yet again");
    }
  }
  return context.IsCancelled() ? absl::CancelledError("the caller went away") : absl::OkStatus();
}

grpc::Status TaggingService::Tag(grpc::ServerContext* context, const fintag::v1::TagRequest* request,
                                 fintag::v1::TagResponse* response) {
  return RunCall(environment_, Method("Tag"), [&] {
    return TagInputs(*context, request->model(), request->inputs(), request->options(), *response);
  });
}

grpc::Status TaggingService::TagStream(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<fintag::v1::TagStreamResponse, fintag::v1::TagStreamRequest>* stream) {
  return RunCall(environment_, Method("TagStream"), [&] { return Stream(*context, *stream); });
}

}  // namespace fintag::server
