// Each level of the processor computes what the best one does, which the tests of its callers compare to LibTorch.
#include "core/model/simd_kernels.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace fintag {
namespace {

using Floats = std::vector<float>;

Floats Random(int64_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  Floats values(static_cast<size_t>(count));
  for (float& value : values) value = normal(generator);
  return values;
}

void ExpectNear(const Floats& a, const Floats& b, float tolerance) {
  ASSERT_EQ(a.size(), b.size());
  float largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::fabs(a[i] - b[i]));
  EXPECT_LE(largest, tolerance);
}

class SimdKernelsTest : public testing::TestWithParam<const char*> {
 protected:
  // Calls `check` with the level under test; a processor without the level has nothing to check.
  template <typename Check>
  void WithLevel(const Check& check) {
    if (const SimdKernels* kernels = SimdLevel(GetParam())) check(*kernels, Simd());
  }
};

constexpr DropoutBits kDropout = {123, 456, 1u << 30, 4.0f / 3};

TEST_P(SimdKernelsTest, DropsTheSameElements) {
  WithLevel([](const SimdKernels& level, const SimdKernels& best) {
    constexpr int64_t kRows = 50;
    constexpr int64_t kColumns = 37;
    const Floats x = Random(kRows * kColumns, 1);
    Floats ours(x.size());
    Floats theirs(x.size());
    level.dropout(x.data(), ours.data(), 0, kRows, kColumns, kDropout);
    best.dropout(x.data(), theirs.data(), 0, kRows, kColumns, kDropout);
    EXPECT_EQ(ours, theirs);
  });
}

TEST_P(SimdKernelsTest, NormalisesRows) {
  WithLevel([](const SimdKernels& level, const SimdKernels& best) {
    constexpr int64_t kRows = 9;
    constexpr int64_t kColumns = 43;
    const auto run = [&](const SimdKernels& kernels) {
      const Floats x = Random(kRows * kColumns, 1);
      const Floats residual = Random(kRows * kColumns, 2);
      const Floats weight = Random(kColumns, 3);
      const Floats bias = Random(kColumns, 4);
      Floats y(x.size()), normalized(x.size()), rstd(kRows), dx(x.size()), dresidual(x.size());
      Floats sums(2 * kColumns);
      kernels.layer_norm_forward({x.data(), residual.data(), weight.data(), bias.data(), y.data(), normalized.data(),
                                  rstd.data(), kColumns, 1e-12f, kDropout},
                                 0, kRows);
      kernels.layer_norm_backward(
          {x.data(), normalized.data(), rstd.data(), weight.data(), dx.data(), dresidual.data(), kColumns, kDropout}, 0,
          kRows, sums.data(), sums.data() + kColumns);
      for (const Floats& part : {normalized, rstd, dx, dresidual, sums}) y.insert(y.end(), part.begin(), part.end());
      return y;
    };
    ExpectNear(run(level), run(best), 1e-5f);
  });
}

TEST_P(SimdKernelsTest, ComputesElementsAndColumns) {
  WithLevel([](const SimdKernels& level, const SimdKernels& best) {
    const auto run = [&](const SimdKernels& kernels) {
      constexpr int64_t kRows = 35;
      constexpr int64_t kColumns = 83;
      const Floats x = Random(kRows * kColumns, 5);
      const Floats dy = Random(kRows * kColumns, 6);
      Floats y(x.size()), dx(x.size()), sums(kColumns), transposed(x.size());
      kernels.gelu_forward(x.data(), y.data(), kRows * kColumns);
      kernels.gelu_backward(dy.data(), x.data(), dx.data(), kRows * kColumns);
      kernels.column_sums(x.data(), kRows, kColumns, 0, kColumns, sums.data());
      kernels.transpose(x.data(), transposed.data(), kRows, kColumns, 0, kColumns);
      for (int64_t r = 0; r < kRows; ++r) {
        for (int64_t c = 0; c < kColumns; ++c) EXPECT_EQ(transposed[c * kRows + r], x[r * kColumns + c]);
      }
      kernels.add(dy.data(), transposed.data(), kRows * kColumns);
      for (const Floats& part : {dx, sums, transposed}) y.insert(y.end(), part.begin(), part.end());
      return y;
    };
    ExpectNear(run(level), run(best), 1e-5f);
  });
}

TEST_P(SimdKernelsTest, ScalesSums) {
  WithLevel([](const SimdKernels& level, const SimdKernels& best) {
    constexpr int64_t kCount = 83;
    const auto run = [&](const SimdKernels& kernels, uint16_t* rounded) {
      const Floats a = Random(kCount, 9), b = Random(kCount, 10), c = Random(kCount, 11);
      Floats y(kCount);
      kernels.scaled_sum({a.data(), b.data(), 1.7f, c.data(), y.data(), rounded, kCount});
      return y;
    };
    const Floats y = run(level, nullptr);
    ExpectNear(y, run(best, nullptr), 1e-5f);
    std::vector<uint16_t> rounded(kCount + 1, 12345);
    run(level, rounded.data());
    for (int64_t i = 0; i < kCount; ++i) {
      EXPECT_NEAR(std::bit_cast<float>(uint32_t{rounded[i]} << 16), y[i], std::fabs(y[i]) / 256) << i;
    }
    EXPECT_EQ(rounded[kCount], 12345);  // nothing is written beyond
  });
}

TEST_P(SimdKernelsTest, RoundsToEven) {
  WithLevel([](const SimdKernels& level, const SimdKernels&) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const std::vector<std::pair<float, uint16_t>> cases = {
        {0.0f, 0},
        {-0.0f, 0x8000},
        {1.0f, 0x3f80},
        {std::bit_cast<float>(0x3f808000u), 0x3f80},  // halfway between two, the lower is even
        {std::bit_cast<float>(0x3f818000u), 0x3f82},
        {std::bit_cast<float>(0x3f808001u), 0x3f81},
        {std::bit_cast<float>(0x7f7fffffu), 0x7f80},  // the largest float
        {-kInfinity, 0xff80},
        {std::bit_cast<float>(0x7fffffffu), 0x7fff},  // not a number
        {std::bit_cast<float>(0x7f800001u), 0x7fc0}};
    for (const auto& [value, expected] : cases) {
      const Floats negative(1, -0.0f);
      uint16_t rounded = 0;
      level.scaled_sum({&value, negative.data(), 1, negative.data(), nullptr, &rounded, 1});
      EXPECT_EQ(rounded, expected) << value;
    }
  });
}

TEST_P(SimdKernelsTest, Attends) {
  WithLevel([](const SimdKernels& level, const SimdKernels& best) {
    for (const int64_t size : {5, 32, 64}) {
      for (const int64_t length : {1, 15, 16, 50, 101}) {
        const auto run = [&](const SimdKernels& kernels) {
          const Floats qkv = Random(length * 3 * size, 7);
          const Floats dout = Random(length * size, 8);
          Floats out(dout.size()), lse(static_cast<size_t>(length)), gradient(qkv.size());
          Floats scratch(static_cast<size_t>(AttentionScratch(length, size)));
          AttentionHead head = {};
          head.q = qkv.data();
          head.k = head.q + size;
          head.v = head.k + size;
          head.stride = 3 * size;
          head.length = length;
          head.head_size = size;
          head.scale = 1 / std::sqrt(static_cast<float>(size));
          head.out = out.data();
          head.out_stride = size;
          head.lse = lse.data();
          head.lse_stride = 1;
          head.dropout = kDropout;
          head.dropout_step = 1;
          head.scratch = scratch.data();
          kernels.attention_forward(head);
          head.dout = dout.data();
          head.dq = gradient.data();
          head.dk = head.dq + size;
          head.dv = head.dk + size;
          kernels.attention_backward(head);
          out.insert(out.end(), gradient.begin(), gradient.end());
          return out;
        };
        ExpectNear(run(level), run(best), 2e-5f);
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Levels, SimdKernelsTest, testing::Values("avx2", "generic"),
                         [](const auto& test) { return std::string(test.param); });

TEST(SimdKernels, KnowsNoOtherLevel) { EXPECT_EQ(SimdLevel("quantum"), nullptr); }

}  // namespace
}  // namespace fintag
