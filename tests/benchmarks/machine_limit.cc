// What the machine can do at most, with one thread a core: multiply-adds a second out of registers alone, in fp32, bf16
// and int8, and bytes a second read from memory. The benchmark states every speed as a share of these. Prints one JSON
// document; a precision that the processor has no instruction for is null.
//
//     machine_limit [THREADS]    default: all processors
//
// A multiply-add counts as two operations. AMX tiles are not counted: a share on a processor with them can pass 1.
#include <immintrin.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/model/processor.h"

namespace {

constexpr int kRounds = 3;                    // the best counts
constexpr double kSeconds = 0.3;              // of a round
constexpr int64_t kSteps = 200'000;           // of a kernel between two looks at the clock
constexpr size_t kBytes = size_t{512} << 20;  // read by all threads together: more than caches hold

// Enough independent sums to hide an instruction's latency, few enough to stay in registers (16 of AVX2, 32 of AVX-512)
// beside the operands; the pragmas keep them there, which the compiler alone does for 12 but not for 24.
constexpr int kSums256 = 12;
constexpr int kSums512 = 24;

// Integer sums are vectors of a type of their own: through __m256i, which may alias all memory, they would be stored.
using Int32x8 = int32_t __attribute__((vector_size(32)));
using Int32x16 = int32_t __attribute__((vector_size(64)));

// Each kernel takes kSteps steps, one instruction (several in AVX2's int8) into every sum a step, and returns
// something of the sums, so that none is left out. The sums start apart, so that none is computed once for all.

__attribute__((target("avx2,fma"))) float Fp32Avx2(float x) {
  const __m256 a = _mm256_set1_ps(x);
  __m256 sums[kSums256];
  for (int i = 0; i < kSums256; ++i) sums[i] = _mm256_set1_ps(x + static_cast<float>(i));
  for (int64_t step = 0; step < kSteps; ++step) {
    for (__m256& sum : sums) sum = _mm256_fmadd_ps(sum, a, a);
  }
  for (const __m256& sum : sums) x += _mm256_cvtss_f32(sum);
  return x;
}

__attribute__((target("avx512f"))) float Fp32Avx512(float x) {
  const __m512 a = _mm512_set1_ps(x);
  __m512 sums[kSums512];
#pragma GCC unroll 24
  for (int i = 0; i < kSums512; ++i) sums[i] = _mm512_set1_ps(x + static_cast<float>(i));
  for (int64_t step = 0; step < kSteps; ++step) {
#pragma GCC unroll 24
    for (__m512& sum : sums) sum = _mm512_fmadd_ps(sum, a, a);
  }
#pragma GCC unroll 24
  for (const __m512& sum : sums) x += _mm512_cvtss_f32(sum);
  return x;
}

__attribute__((target("avx512f,avx512bf16"))) float Bf16Avx512(float x) {
  const __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(x), _mm512_set1_ps(-x));
  __m512 sums[kSums512];
#pragma GCC unroll 24
  for (int i = 0; i < kSums512; ++i) sums[i] = _mm512_set1_ps(x + static_cast<float>(i));
  for (int64_t step = 0; step < kSteps; ++step) {
#pragma GCC unroll 24
    for (__m512& sum : sums) sum = _mm512_dpbf16_ps(sum, a, a);
  }
#pragma GCC unroll 24
  for (const __m512& sum : sums) x += _mm512_cvtss_f32(sum);
  return x;
}

// Two products of bytes with 16-bit sums, and these summed in 32 bits by a third. Taking the sum for an operand keeps
// the compiler from taking the products out of the loop.
__attribute__((target("avx2"))) float Int8Avx2(float x) {
  const __m256i a = _mm256_set1_epi8(static_cast<int8_t>(x * 100));
  const __m256i ones = _mm256_set1_epi16(1);
  Int32x8 sums[kSums256];
  for (int i = 0; i < kSums256; ++i) sums[i] = Int32x8{} + i;
  for (int64_t step = 0; step < kSteps; ++step) {
    for (Int32x8& sum : sums) {
      const __m256i products =
          _mm256_add_epi16(_mm256_maddubs_epi16(__m256i(sum), a), _mm256_maddubs_epi16(a, __m256i(sum)));
      sum += Int32x8(_mm256_madd_epi16(products, ones));
    }
  }
  for (const Int32x8& sum : sums) x += static_cast<float>(sum[0]);
  return x;
}

__attribute__((target("avx2,avxvnni"))) float Int8AvxVnni(float x) {
  const __m256i a = _mm256_set1_epi8(static_cast<int8_t>(x * 100));
  Int32x8 sums[kSums256];
  for (int i = 0; i < kSums256; ++i) sums[i] = Int32x8{} + i;
  for (int64_t step = 0; step < kSteps; ++step) {
    for (Int32x8& sum : sums) sum = Int32x8(_mm256_dpbusd_avx_epi32(__m256i(sum), a, a));
  }
  for (const Int32x8& sum : sums) x += static_cast<float>(sum[0]);
  return x;
}

__attribute__((target("avx512f,avx512vnni"))) float Int8Avx512(float x) {
  const __m512i a = _mm512_set1_epi32(static_cast<int32_t>(x * 100) * 0x01010101);
  Int32x16 sums[kSums512];
#pragma GCC unroll 24
  for (int i = 0; i < kSums512; ++i) sums[i] = Int32x16{} + i;
  for (int64_t step = 0; step < kSteps; ++step) {
#pragma GCC unroll 24
    for (Int32x16& sum : sums) sum = Int32x16(_mm512_dpbusd_epi32(__m512i(sum), a, a));
  }
#pragma GCC unroll 24
  for (const Int32x16& sum : sums) x += static_cast<float>(sum[0]);
  return x;
}

// Sums `count` numbers, a multiple of 64.
__attribute__((target("avx2"))) float ReadMemory(const float* numbers, size_t count) {
  __m256 sums[8] = {};
  for (size_t i = 0; i < count; i += 64) {
    for (int j = 0; j < 8; ++j) sums[j] = _mm256_add_ps(sums[j], _mm256_loadu_ps(numbers + i + size_t{8} * j));
  }
  float total = 0;
  for (const __m256& sum : sums) total += _mm256_cvtss_f32(sum);
  return total;
}

volatile float sink;

// Units a second of all threads together, each of which calls `work(thread)`, worth `units`, over and over.
double Rate(int threads, double units, const std::function<float(int)>& work) {
  using Clock = std::chrono::steady_clock;
  double best = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<double> rates(threads);
    std::barrier start(threads);
    std::vector<std::thread> running;
    for (int thread = 0; thread < threads; ++thread) {
      running.emplace_back([&, thread] {
        sink = work(thread);
        start.arrive_and_wait();
        const Clock::time_point begin = Clock::now();
        double seconds = 0;
        int64_t calls = 0;
        for (; seconds < kSeconds; ++calls) {
          sink = work(thread);
          seconds = std::chrono::duration<double>(Clock::now() - begin).count();
        }
        rates[thread] = units * static_cast<double>(calls) / seconds;
      });
    }
    double total = 0;
    for (int thread = 0; thread < threads; ++thread) {
      running[thread].join();
      total += rates[thread];
    }
    best = std::max(best, total);
  }
  return best;
}

struct Kernel {
  const char* precision;
  const char* instruction;
  bool supported;
  float (*run)(float);
  int sums;
  int multiply_adds;  // of one step of one sum
};

double MemoryBandwidth(int threads) {
  const size_t count = kBytes / sizeof(float) / threads / 64 * 64;
  std::vector<std::unique_ptr<float[]>> numbers(threads);
  for (std::unique_ptr<float[]>& part : numbers) {
    part = std::make_unique_for_overwrite<float[]>(count);
    std::fill_n(part.get(), count, 1.0F);  // not zero: pages never written to are all one page
  }
  return Rate(threads, static_cast<double>(count * sizeof(float)),
              [&](int thread) { return ReadMemory(numbers[thread].get(), count); });
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : static_cast<int>(std::thread::hardware_concurrency());
  if (argc > 2 || threads < 1 || !fintag::HasAvx2()) {
    std::fprintf(stderr, "usage: machine_limit [THREADS], on a processor with AVX2\n");
    return 2;
  }
  // For each precision the best first.
  const Kernel kernels[] = {
      {"fp32", "avx512f vfmadd", fintag::HasAvx512(), Fp32Avx512, kSums512, 16},
      {"fp32", "avx2 vfmadd", true, Fp32Avx2, kSums256, 8},
      {"bf16", "avx512_bf16 vdpbf16ps", fintag::HasAvx512Bf16(), Bf16Avx512, kSums512, 32},
      {"int8", "avx512_vnni vpdpbusd", fintag::HasAvx512Vnni(), Int8Avx512, kSums512, 64},
      {"int8", "avx_vnni vpdpbusd", fintag::HasAvxVnni(), Int8AvxVnni, kSums256, 32},
      {"int8", "avx2 vpmaddubsw", true, Int8Avx2, kSums256, 64},
  };
  std::printf("{\"threads\": %d, \"gflops\": {", threads);
  std::string instructions;
  for (const std::string precision : {"fp32", "bf16", "int8"}) {
    const Kernel* kernel = std::find_if(std::begin(kernels), std::end(kernels),
                                        [&](const Kernel& k) { return k.supported && k.precision == precision; });
    std::printf("%s\"%s\": ", precision == "fp32" ? "" : ", ", precision.c_str());
    if (kernel == std::end(kernels)) {
      std::printf("null");
      continue;
    }
    const double operations = 2.0 * kernel->multiply_adds * kernel->sums * kSteps;
    // Not 1: the number must be one that the compiler does not know.
    volatile float x = 0.9F;
    std::printf("%.1f", Rate(threads, operations, [&](int) { return kernel->run(x); }) / 1e9);
    instructions += (instructions.empty() ? "\"" : ", \"") + precision + "\": \"" + kernel->instruction + "\"";
  }
  std::printf("}, \"instructions\": {%s}, \"memory_gb_per_second\": %.1f}\n", instructions.c_str(),
              MemoryBandwidth(threads) / 1e9);
  return 0;
}
