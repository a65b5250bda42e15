// Tags a corpus offline at full speed: the other half of tagging_parity.py, and the measure of tagging speed. Prints
// one JSON line; threads are LibTorch's (OMP_NUM_THREADS).
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/tagging/tagger.h"
#include "core/text/corpus.h"
#include "core/training/brief_spin.h"
#include "core/training/scores.h"

namespace fintag {
namespace {

constexpr char kUsage[] =
    "usage: tag_corpus --model FOLDER --corpus FILE [options]\n"
    "  --batch-tokens N                   most tokens of a packed batch; 1: every window alone (default 2048)\n"
    "  --decoding argmax|constrained      (default argmax)\n"
    "  --passes N                         tag it N times, the fastest counts (default 1)\n"
    "  --shuffle SEED                     packs windows at random instead of by length\n"
    "  --device auto|cpu|cuda             (default cpu)\n"
    "  --precision fp32|bf16|int8         (default fp32)\n"
    "  --json FILE                        also writes windows, logits and tags of every word\n";

struct Options {
  std::string model;
  std::string corpus;
  std::string json;
  std::string device = "cpu";
  std::string precision = "fp32";
  int64_t batch_tokens = 2048;
  int64_t passes = 1;
  int64_t shuffle = -1;  // negative: by length
  Decoding decoding = Decoding::kArgMax;
};

absl::StatusOr<Options> ParseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    if (i + 1 == argc) return absl::InvalidArgumentError(absl::StrCat(name, " needs a value"));
    const std::string value = argv[i + 1];
    bool good = true;
    if (name == "--model") {
      options.model = value;
    } else if (name == "--corpus") {
      options.corpus = value;
    } else if (name == "--json") {
      options.json = value;
    } else if (name == "--device") {
      options.device = value;
    } else if (name == "--precision") {
      options.precision = value;
    } else if (name == "--batch-tokens") {
      good = absl::SimpleAtoi(value, &options.batch_tokens) && options.batch_tokens > 0;
    } else if (name == "--passes") {
      good = absl::SimpleAtoi(value, &options.passes) && options.passes > 0;
    } else if (name == "--shuffle") {
      good = absl::SimpleAtoi(value, &options.shuffle) && options.shuffle >= 0;
    } else if (name == "--decoding") {
      good = value == "argmax" || value == "constrained";
      options.decoding = value == "constrained" ? Decoding::kConstrained : Decoding::kArgMax;
    } else {
      return absl::InvalidArgumentError(absl::StrCat("no such option: ", name));
    }
    if (!good) return absl::InvalidArgumentError(absl::StrCat("bad value for ", name, ": ", value));
  }
  if (options.model.empty() || options.corpus.empty()) {
    return absl::InvalidArgumentError("--model and --corpus are needed");
  }
  return options;
}

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::vector<std::vector<int32_t>> Pack(const std::vector<WindowRef>& windows, const Options& options) {
  if (options.shuffle < 0) return PackWindows(windows, options.batch_tokens);
  std::vector<int32_t> order(windows.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int32_t>(i);
  std::mt19937_64 random(static_cast<uint64_t>(options.shuffle));
  std::shuffle(order.begin(), order.end(), random);
  std::vector<std::vector<int32_t>> batches;
  for (size_t i = 0; i < order.size();) {
    std::vector<int32_t>& batch = batches.emplace_back();
    for (int64_t tokens = 0; i < order.size(); ++i) {
      tokens += windows[order[i]].tokens();
      if (!batch.empty() && tokens > options.batch_tokens) break;
      batch.push_back(order[i]);
    }
  }
  return batches;
}

nlohmann::json Describe(const EncodedSentence& sentence, const TaggedSentence& tagged, size_t tag_count) {
  nlohmann::json described = {
      {"windows", nlohmann::json::array()}, {"logits", nlohmann::json::array()}, {"tags", nlohmann::json::array()}};
  for (const Window& window : sentence.windows) {
    described["windows"].push_back(
        {{"token_ids", window.token_ids}, {"words", window.words}, {"word_rows", window.word_rows}});
  }
  for (size_t word = 0; word < tagged.words.size(); ++word) {
    const auto row = sentence.logits.begin() + static_cast<int64_t>(word * tag_count);
    described["tags"].push_back(tagged.words[word].tag);
    // A word without a token has no logits.
    if (std::isnan(*row)) {
      described["logits"].push_back(nullptr);
    } else {
      described["logits"].push_back(std::vector<float>(row, row + static_cast<int64_t>(tag_count)));
    }
  }
  return described;
}

absl::Status TagCorpus(const Options& options) {
  std::ifstream file(options.corpus, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", options.corpus));
  std::stringstream bytes;
  bytes << file.rdbuf();
  absl::StatusOr<Corpus> corpus = ReadCorpus(bytes.str(), options.corpus);
  if (!corpus.ok()) return corpus.status();
  absl::StatusOr<std::unique_ptr<Tagger>> tagger =
      Tagger::Load(options.model, {.device = options.device, .precision = options.precision});
  if (!tagger.ok()) return tagger.status();

  auto start = std::chrono::steady_clock::now();
  std::vector<EncodedSentence> sentences;
  sentences.reserve(corpus->sentences.size());
  for (const Sentence& sentence : corpus->sentences) {
    absl::StatusOr<EncodedSentence> encoded = (*tagger)->EncodeWords(sentence.words);
    if (!encoded.ok()) return encoded.status();
    sentences.push_back(*std::move(encoded));
  }
  const double encode_seconds = SecondsSince(start);

  std::vector<WindowRef> windows;
  int64_t tokens = 0;
  for (EncodedSentence& sentence : sentences) {
    tokens += sentence.tokens;
    for (size_t i = 0; i < sentence.windows.size(); ++i) windows.push_back({&sentence, static_cast<int32_t>(i)});
  }

  double seconds = 0;
  std::vector<TaggedSentence> tagged;
  for (int64_t pass = 0; pass < options.passes; ++pass) {
    start = std::chrono::steady_clock::now();
    for (const std::vector<int32_t>& batch : Pack(windows, options)) {
      std::vector<WindowRef> packed;
      for (int32_t index : batch) packed.push_back(windows[index]);
      if (absl::Status status = (*tagger)->Forward(packed); !status.ok()) return status;
    }
    tagged.clear();
    for (const EncodedSentence& sentence : sentences) tagged.push_back((*tagger)->Decode(sentence, options.decoding));
    const double took = SecondsSince(start);
    seconds = pass == 0 ? took : std::min(seconds, took);
  }

  std::vector<TagSequence> gold;
  std::vector<TagSequence> predicted;
  for (size_t i = 0; i < tagged.size(); ++i) {
    gold.push_back(corpus->sentences[i].tags);
    TagSequence& tags = predicted.emplace_back();
    for (const TaggedWord& word : tagged[i].words) tags.push_back(word.tag);
  }
  std::cout << nlohmann::json({{"tokens", tokens},
                               {"windows", windows.size()},
                               {"encode_seconds", encode_seconds},
                               {"seconds", seconds},
                               {"tokens_per_s", std::llround(static_cast<double>(tokens) / seconds)},
                               {"f1", ScoreTags(gold, predicted).micro.f1}})
                   .dump()
            << std::endl;

  if (!options.json.empty()) {
    nlohmann::json described = nlohmann::json::array();
    for (size_t i = 0; i < tagged.size(); ++i) {
      described.push_back(Describe(sentences[i], tagged[i], (*tagger)->tags().size()));
    }
    std::ofstream out(options.json);
    out << described.dump() << '\n';
    if (!out.flush()) return absl::UnknownError(absl::StrCat("cannot write ", options.json));
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace fintag

int main(int argc, char** argv) {
  fintag::SpinBriefly(argv);  // as the server does
  const absl::StatusOr<fintag::Options> options = fintag::ParseOptions(argc, argv);
  if (!options.ok()) {
    std::cerr << options.status().message() << '\n' << fintag::kUsage;
    return 2;
  }
  if (absl::Status status = fintag::TagCorpus(*options); !status.ok()) {
    std::cerr << status.message() << '\n';
    return 1;
  }
  return 0;
}
