#include "tests/core/tagging/tiny_checkpoint.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

namespace fintag {
namespace {

constexpr int64_t kHidden = 16;
constexpr int64_t kHeads = 2;
constexpr int64_t kLayers = 2;
constexpr int64_t kIntermediate = 32;
constexpr int64_t kTokenTypes = 2;

std::vector<std::string> Vocabulary() {
  std::vector<std::string> tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  for (const std::string& word : TinyVocabularyWords()) tokens.push_back(word);
  for (const char* piece : {"z", "##a", "##b", "##c", "##d", "##e"}) tokens.emplace_back(piece);
  return tokens;
}

// The safetensors format: eight bytes of header length, a JSON header, the data.
class TensorFile {
 public:
  explicit TensorFile(uint64_t seed) : random_(seed) {}

  void Add(const std::string& name, std::vector<int64_t> shape, float mean, float deviation) {
    int64_t count = 1;
    for (int64_t size : shape) count *= size;
    std::normal_distribution<float> normal(mean, deviation);
    const size_t begin = data_.size() * sizeof(float);
    for (int64_t i = 0; i < count; ++i) data_.push_back(normal(random_));
    header_[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {begin, data_.size() * sizeof(float)}}};
  }

  void AddLinear(const std::string& name, int64_t out, int64_t in) {
    Add(name + ".weight", {out, in}, 0, 0.4f);
    Add(name + ".bias", {out}, 0, 0.2f);
  }

  void AddNorm(const std::string& name) {
    Add(name + ".weight", {kHidden}, 1, 0.1f);
    Add(name + ".bias", {kHidden}, 0, 0.1f);
  }

  void Write(const std::filesystem::path& path) const {
    std::string header = header_.dump();
    header.resize((header.size() + 7) / 8 * 8, ' ');
    const uint64_t length = header.size();
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&length), sizeof(length));
    file << header;
    file.write(reinterpret_cast<const char*>(data_.data()), static_cast<std::streamsize>(data_.size() * sizeof(float)));
  }

 private:
  std::mt19937_64 random_;
  nlohmann::json header_;
  std::vector<float> data_;
};

}  // namespace

std::vector<std::string> TinyVocabularyWords() {
  return {"the",   "lender", "agent", "bank", "of", "boston", "new",  "york", "apple", "inc",
          "shall", "pay",    "to",    ".",    ",",  "dated",  "loan", "and",  "date",  "between"};
}

void WriteTinyCheckpoint(const std::filesystem::path& folder, const TinyCheckpoint& checkpoint) {
  std::filesystem::create_directories(folder);
  const std::vector<std::string> vocabulary = Vocabulary();
  std::ofstream vocabulary_file(folder / "vocab.txt");
  for (const std::string& token : vocabulary) vocabulary_file << token << '\n';
  std::ofstream(folder / "tokenizer_config.json")
      << R"({"do_lower_case": true, "tokenizer_class": "BertTokenizer", "unk_token": "[UNK]"})";

  const auto rows = static_cast<int64_t>(vocabulary.size()) - checkpoint.missing_vocabulary_rows;
  nlohmann::json config = {{"model_type", "bert"},
                           {"architectures", {checkpoint.classifier ? "BertForTokenClassification" : "BertModel"}},
                           {"vocab_size", rows},
                           {"hidden_size", kHidden},
                           {"num_hidden_layers", kLayers},
                           {"num_attention_heads", kHeads},
                           {"intermediate_size", kIntermediate},
                           {"max_position_embeddings", checkpoint.max_positions},
                           {"type_vocab_size", kTokenTypes},
                           {"hidden_act", "gelu"},
                           {"layer_norm_eps", 1e-12},
                           {"hidden_dropout_prob", 0.1},
                           {"attention_probs_dropout_prob", 0.1},
                           {"initializer_range", 0.02},
                           {"pad_token_id", 0}};
  if (checkpoint.classifier) {
    for (size_t i = 0; i < checkpoint.tags.size(); ++i) {
      config["id2label"][std::to_string(i)] = checkpoint.tags[i];
      config["label2id"][checkpoint.tags[i]] = i;
    }
  }
  std::ofstream(folder / "config.json") << config.dump(2);

  TensorFile tensors(checkpoint.seed);
  const std::string embeddings = "bert.embeddings.";
  tensors.Add(embeddings + "word_embeddings.weight", {rows, kHidden}, 0, 1);
  tensors.Add(embeddings + "position_embeddings.weight", {checkpoint.max_positions, kHidden}, 0, 0.5f);
  tensors.Add(embeddings + "token_type_embeddings.weight", {kTokenTypes, kHidden}, 0, 0.5f);
  tensors.AddNorm(embeddings + "LayerNorm");
  for (int64_t i = 0; i < kLayers; ++i) {
    const std::string layer = "bert.encoder.layer." + std::to_string(i) + ".";
    for (const char* part : {"query", "key", "value"}) {
      tensors.AddLinear(layer + "attention.self." + part, kHidden, kHidden);
    }
    tensors.AddLinear(layer + "attention.output.dense", kHidden, kHidden);
    tensors.AddNorm(layer + "attention.output.LayerNorm");
    tensors.AddLinear(layer + "intermediate.dense", kIntermediate, kHidden);
    tensors.AddLinear(layer + "output.dense", kHidden, kIntermediate);
    tensors.AddNorm(layer + "output.LayerNorm");
  }
  if (checkpoint.classifier) tensors.AddLinear("classifier", static_cast<int64_t>(checkpoint.tags.size()), kHidden);
  tensors.Write(folder / "model.safetensors");
}

}  // namespace fintag
