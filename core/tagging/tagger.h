// A loaded model version that tags: Encode (any thread) -> windows -> Forward (the model's thread, many windows of many
// requests packed together) -> Decode (any thread). No LibTorch here: the server includes this header.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/tagging/decoding.h"
#include "core/tagging/precision_choice.h"
#include "core/tagging/windows.h"
#include "core/text/word_splitter.h"

namespace fintag {

struct TaggerOptions {
  std::string device = "auto";  // auto, cpu or cuda
  // Of linear layers: fp32, bf16 or int8 (core/model/dense.h), or auto: precision_choice.h, chosen at the first load of
  // a version, which then takes a second more.
  std::string precision = "fp32";
  bool keep_choice = true;  // auto's, in the checkpoint's folder; false where that is another's
  int32_t threads = 0;      // of a forward pass; 0: all processors (LibTorch's choice, which OMP_NUM_THREADS sets)
};

// One sentence ready for the model, and the place where its scores gather.
struct EncodedSentence {
  std::string text;             // the given text, or the given words joined by one space
  std::vector<TextWord> words;  // offsets in `text`
  std::vector<Window> windows;
  int64_t tokens = 0;          // over all windows, [CLS] and [SEP] included: the cost of tagging it
  int64_t unknown_tokens = 0;  // [UNK]
  std::vector<float> logits;   // [words, tags], filled by Forward; NaN where no token
};

struct TaggedWord {
  std::string tag;  // "B-ORG"
  float score = 0;
};

struct TaggedEntity {
  std::string text;   // as it stands in the given text
  std::string label;  // "ORG"
  int32_t begin = 0;  // code points, exclusive end
  int32_t end = 0;
  int32_t first_word = 0;
  int32_t last_word = 0;  // exclusive
  float score = 0;        // 0 to 1
};

struct TaggedSentence {
  std::vector<TaggedWord> words;       // as many as EncodedSentence::words
  std::vector<TaggedEntity> entities;  // in order
};

// One window of one sentence: the unit that Forward packs.
struct WindowRef {
  EncodedSentence* sentence;
  int32_t window;
  int64_t tokens() const { return static_cast<int64_t>(sentence->windows[window].token_ids.size()); }
};

class Tagger {
 public:
  // Loads a trained checkpoint folder. Errors as ReadCheckpoint's and WordPieceTokenizer::Load's; FAILED_PRECONDITION
  // where it is a base encoder without a classifier.
  static absl::StatusOr<std::unique_ptr<Tagger>> Load(const std::filesystem::path& folder,
                                                      const TaggerOptions& options = {});
  virtual ~Tagger() = default;

  // Any thread. INVALID_ARGUMENT (byte position) for text that is not UTF-8, or an empty word.
  virtual absl::StatusOr<EncodedSentence> EncodeText(std::string_view text) const = 0;
  virtual absl::StatusOr<EncodedSentence> EncodeWords(std::span<const std::string> words) const = 0;

  // One packed forward pass over `windows`; writes the owned words' rows of each sentence's `logits`. Nothing else may
  // touch those sentences meanwhile.
  virtual absl::Status Forward(std::span<const WindowRef> windows) const = 0;

  // Once all windows of `sentence` went through Forward.
  virtual TaggedSentence Decode(const EncodedSentence& sentence, Decoding decoding) const = 0;

  virtual const std::vector<std::string>& tags() const = 0;
  virtual std::string device_name() const = 0;
  virtual std::string precision() const = 0;  // fp32, bf16 or int8
  virtual int64_t memory_bytes() const = 0;   // of the weights
};

// What precision auto chose for the checkpoint in `folder` on this machine; nothing where it has not yet.
std::optional<PrecisionChoice> ChosenPrecision(const std::filesystem::path& folder, const TaggerOptions& options);

// Packs `windows` greedily by length, at most `max_tokens` a batch (a longer window goes alone): longest first,
// so that what runs together is alike. Returns indices into `windows`.
std::vector<std::vector<int32_t>> PackWindows(std::span<const WindowRef> windows, int64_t max_tokens);

}  // namespace fintag
