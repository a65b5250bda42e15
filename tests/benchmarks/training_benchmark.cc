// What a trainer does beside the encoder: an optimiser step, reading a corpus, writing and reading the event log, and
// decoding tags, which its evaluation shares with the server. Sizes of MiniLM-L6 and FIN; two threads unless
// OMP_NUM_THREADS says otherwise.
//
//     GOMP_SPINCOUNT=1000 training_benchmark [--benchmark_filter=REGEX]
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "benchmark/benchmark.h"
#include "core/tagging/decoding.h"
#include "core/text/corpus.h"
#include "core/training/event_log.h"
#include "core/training/optimizer.h"

namespace fintag {
namespace {

// The encoder's dense parameters; the word embedding's gradient is sparse, of so many rows as a batch has words.
void OptimizerStep(benchmark::State& state, bool fused) {
  constexpr int64_t kHidden = 384;
  std::vector<std::pair<std::string, at::Tensor>> parameters;
  for (int layer = 0; layer < 6; ++layer) {
    const std::string scope = "layer." + std::to_string(layer);
    parameters.emplace_back(scope + ".attention.weight", at::randn({4 * kHidden, kHidden}));
    parameters.emplace_back(scope + ".intermediate.weight", at::randn({4 * kHidden, kHidden}));
    parameters.emplace_back(scope + ".output.weight", at::randn({kHidden, 4 * kHidden}));
    parameters.emplace_back(scope + ".output.bias", at::randn({kHidden}));
  }
  int64_t count = 0;
  for (auto& [name, parameter] : parameters) {
    parameter.requires_grad_();
    count += parameter.numel();
  }
  TrainingOptions options;
  options.max_gradient_norm = 1;
  const auto optimizer = fused ? MakeFusedOptimizer(parameters, options) : MakeCpuOptimizer(parameters, options);
  std::vector<at::Tensor> gradients;
  for (const auto& [name, parameter] : parameters) gradients.push_back(at::randn_like(parameter).detach());
  for (auto _ : state) {
    for (size_t i = 0; i < parameters.size(); ++i) parameters[i].second.mutable_grad() = gradients[i];
    benchmark::DoNotOptimize(optimizer->Step(1e-4));
  }
  state.SetItemsProcessed(state.iterations() * count);
}
BENCHMARK_CAPTURE(OptimizerStep, ours, false)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(OptimizerStep, libtorch, true)->UseRealTime()->Unit(benchmark::kMillisecond);

Corpus RandomCorpus(int64_t sentences) {
  std::mt19937 random(1);
  Corpus corpus;
  for (int64_t i = 0; i < sentences; ++i) {
    Sentence& sentence = corpus.sentences.emplace_back();
    const int64_t words = 5 + static_cast<int64_t>(random() % 60);
    for (int64_t word = 0; word < words; ++word) {
      sentence.words.push_back("word" + std::to_string(random() % 5000));
      sentence.tags.emplace_back(random() % 12 == 0 ? "B-ORG" : "O");
    }
  }
  return corpus;
}

void ReadJsonLines(benchmark::State& state) {
  const std::string bytes = WriteJsonLines(RandomCorpus(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(ReadCorpus(bytes, "corpus.jsonl")->sentences.size());
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
}
BENCHMARK(ReadJsonLines)->Arg(1000)->Arg(10000)->Unit(benchmark::kMillisecond);

void ReadConll(benchmark::State& state) {
  std::string bytes;
  for (const Sentence& sentence : RandomCorpus(state.range(0)).sentences) {
    for (size_t word = 0; word < sentence.words.size(); ++word) {
      bytes += sentence.words[word] + ' ' + sentence.tags[word] + '\n';
    }
    bytes += '\n';
  }
  for (auto _ : state) benchmark::DoNotOptimize(ReadCorpus(bytes, "corpus.conll")->sentences.size());
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
}
BENCHMARK(ReadConll)->Arg(1000)->Arg(10000)->Unit(benchmark::kMillisecond);

void DecodeWords(benchmark::State& state, Decoding decoding) {
  const std::vector<std::string> tags = {"O", "B-LOC", "I-LOC", "B-MISC", "I-MISC", "B-ORG", "I-ORG", "B-PER", "I-PER"};
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> logits(static_cast<size_t>(state.range(0)) * tags.size());
  for (float& logit : logits) logit = normal(random);
  for (auto _ : state) {
    const std::vector<WordTag> decoded = DecodeTags(logits, tags, decoding);
    benchmark::DoNotOptimize(EntitiesOf(decoded, tags).size());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(DecodeWords, argmax, Decoding::kArgMax)->Arg(30)->Arg(1000);
BENCHMARK_CAPTURE(DecodeWords, constrained, Decoding::kConstrained)->Arg(30)->Arg(1000);

// A progress event every few seconds is most of what a job writes; the server reads them as they come.
void EventLog(benchmark::State& state) {
  const std::filesystem::path file = std::filesystem::temp_directory_path() / "fintag_event_log_benchmark.log";
  int64_t events = 0;
  for (auto _ : state) {
    std::filesystem::remove(file);
    const auto writer = EventLogWriter::Open(file).value();
    for (int64_t step = 1; step <= state.range(0); ++step) {
      TrainingProgress progress;
      progress.step = step;
      if (!writer->Append({.what = progress}).ok()) state.SkipWithError("the log cannot be written");
    }
    std::vector<Event> read;
    if (!EventLogReader::Open(file)->ReadNew(read).ok()) state.SkipWithError("the log cannot be read");
    events += static_cast<int64_t>(read.size());
  }
  std::filesystem::remove(file);
  state.SetItemsProcessed(events);
}
BENCHMARK(EventLog)->Arg(1000)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fintag

int main(int argc, char** argv) {
  if (std::getenv("OMP_NUM_THREADS") == nullptr) at::set_num_threads(2);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
