// AdamW on the CPU: gradients are read twice (norm, update), everything else once.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/model/parallel.h"
#include "core/training/adam_kernel.h"
#include "core/training/optimizer.h"

namespace fintag {
namespace {

constexpr double kClipEpsilon = 1e-6;  // as torch.nn.utils.clip_grad_norm_
constexpr int64_t kChunk = 1 << 14;    // elements one thread takes at a time: its five arrays fit the second cache

// A run of elements that lie together in parameter, gradient and moments.
struct Piece {
  const void* gradient;
  bool rounded;  // the gradient is bfloat16, else float32
  float* parameter;
  float* first;
  float* second;
  int64_t size;
  bool decays;
};

// Calls `use` with the gradient of `piece` in its type.
template <typename Use>
void WithGradient(const Piece& piece, const Use& use) {
  if (piece.rounded) {
    use(static_cast<const uint16_t*>(piece.gradient));
  } else {
    use(static_cast<const float*>(piece.gradient));
  }
}

// Calls `run(i)` for each of `pieces`, from several threads. A thread takes about kChunk elements at a time: an
// embedding's rows are pieces too, and a share of all pieces by their number would leave one thread nearly all the
// elements.
void ForEachPiece(const std::vector<Piece>& pieces, const std::function<void(size_t i)>& run) {
  std::vector<size_t> ends;
  int64_t size = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    size += pieces[i].size;
    if (size < kChunk && i + 1 < pieces.size()) continue;
    ends.push_back(i + 1);
    size = 0;
  }
  ParallelEach(std::ssize(ends), [&](int64_t share) {
    for (size_t i = share == 0 ? 0 : ends[share - 1]; i < ends[share]; ++i) run(i);
  });
}

// Rows of an embedding that have had a gradient so far, in order of their first: moments and gradient of these alone.
class ActiveRows {
 public:
  ActiveRows(int64_t rows, int64_t width) : width_(width), slot_of_row_(rows, -1) {}

  // Adds up the rows of `gradient` (sparse in its first dimension, one row possibly many times).
  void Gather(const at::Tensor& gradient) {
    const at::Tensor indices = gradient._indices().contiguous();
    const at::Tensor values = gradient._values().contiguous();
    TORCH_CHECK(
        indices.size(0) == 1 && values.dim() == 2 && values.size(1) == width_ && values.scalar_type() == at::kFloat,
        "a sparse gradient must be one of float32 rows");
    const int64_t* row = indices.const_data_ptr<int64_t>();
    const float* value = values.const_data_ptr<float>();
    for (int64_t i = 0; i < indices.size(1); ++i) {
      TORCH_CHECK(row[i] >= 0 && row[i] < std::ssize(slot_of_row_), "row ", row[i], " of a gradient is out of range");
      int32_t& slot = slot_of_row_[row[i]];
      if (slot >= 0) continue;
      slot = static_cast<int32_t>(rows_.size());
      rows_.push_back(row[i]);
    }
    const size_t size = rows_.size() * width_;
    first_.resize(size);
    second_.resize(size);
    gradient_.assign(size, 0);
    for (int64_t i = 0; i < indices.size(1); ++i) {
      float* sum = &gradient_[slot_of_row_[row[i]] * width_];
      for (int64_t k = 0; k < width_; ++k) sum[k] += value[i * width_ + k];
    }
  }

  const std::vector<int64_t>& rows() const { return rows_; }
  // [rows().size(), width], sharing this one's memory.
  at::Tensor First() { return View(first_); }
  at::Tensor Second() { return View(second_); }

  // Takes rows before any had a gradient; their moments are to be filled in.
  void Take(const std::vector<int64_t>& rows) {
    for (const int64_t row : rows) {
      TORCH_CHECK(row >= 0 && row < std::ssize(slot_of_row_) && slot_of_row_[row] < 0, "row ", row,
                  " of the moments is out of range or there twice");
      slot_of_row_[row] = static_cast<int32_t>(rows_.size());
      rows_.push_back(row);
    }
    first_.resize(rows_.size() * width_);
    second_.resize(first_.size());
  }

  void NoGradient() { gradient_.assign(rows_.size() * width_, 0); }

  void AddPieces(float* parameter, bool decays, std::vector<Piece>& pieces) {
    for (size_t slot = 0; slot < rows_.size(); ++slot) {
      const int64_t at = static_cast<int64_t>(slot) * width_;
      pieces.push_back(
          {&gradient_[at], false, parameter + rows_[slot] * width_, &first_[at], &second_[at], width_, decays});
    }
  }

  // Rows without moments change by the decay alone.
  void DecayOthers(float* parameter, float keep) const {
    ParallelFor(std::ssize(slot_of_row_), 64, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        if (slot_of_row_[row] >= 0) continue;
        for (int64_t k = row * width_; k < (row + 1) * width_; ++k) parameter[k] *= keep;
      }
    });
  }

 private:
  at::Tensor View(std::vector<float>& values) const {
    return at::from_blob(values.data(), {std::ssize(rows_), width_}, at::kFloat);
  }

  const int64_t width_;
  std::vector<int32_t> slot_of_row_;
  std::vector<int64_t> rows_;
  std::vector<float> first_, second_, gradient_;
};

class CpuOptimizer : public Optimizer {
 public:
  CpuOptimizer(const std::vector<std::pair<std::string, at::Tensor>>& parameters, const TrainingOptions& options)
      : options_(options) {
    for (const auto& [name, parameter] : parameters) {
      TORCH_CHECK(parameter.is_contiguous() && parameter.scalar_type() == at::kFloat, name,
                  " must be contiguous and float32");
      slots_.push_back({name, parameter, HasDecay(name), {}, {}, {}, nullptr});
    }
  }

  double Step(double learning_rate) override {
    const c10::NoGradGuard no_gradient;
    ++steps_;
    std::vector<Piece> pieces;
    for (Slot& slot : slots_) AddPieces(slot, pieces);
    const double norm = GlobalNorm(pieces);

    AdamCoefficients c;
    if (options_.max_gradient_norm > 0) {
      c.gradient_scale = static_cast<float>(std::min(1.0, options_.max_gradient_norm / (norm + kClipEpsilon)));
    }
    c.beta1 = static_cast<float>(options_.adam_beta1);
    c.beta2 = static_cast<float>(options_.adam_beta2);
    c.step_size = static_cast<float>(learning_rate / (1 - std::pow(options_.adam_beta1, steps_)));
    c.second_scale = static_cast<float>(1 / std::sqrt(1 - std::pow(options_.adam_beta2, steps_)));
    c.epsilon = static_cast<float>(options_.adam_epsilon);
    AdamCoefficients decaying = c;
    decaying.keep = static_cast<float>(1 - learning_rate * options_.weight_decay);
    ForEachPiece(pieces, [&](size_t i) {
      const Piece& p = pieces[i];
      WithGradient(p, [&](const auto* gradient) {
        AdamUpdate(p.decays ? decaying : c, gradient, p.size, p.parameter, p.first, p.second);
      });
    });
    for (Slot& slot : slots_) {
      if (slot.active != nullptr && slot.decays && options_.weight_decay > 0) {
        slot.active->DecayOthers(slot.parameter.mutable_data_ptr<float>(), decaying.keep);
      }
      slot.gradient.reset();
      // Whoever keeps something made of the weights (packed, transposed) sees by this that they changed.
      slot.parameter.unsafeGetTensorImpl()->bump_version();
    }
    return norm;
  }

  OptimizerState State() const override {
    OptimizerState state;
    state.steps = steps_;
    for (const Slot& slot : slots_) {
      if (slot.active != nullptr) {
        state.rows[slot.name] = slot.active->rows();
        state.first[slot.name] = slot.active->First().clone();
        state.second[slot.name] = slot.active->Second().clone();
      } else if (slot.first.defined()) {
        state.first[slot.name] = slot.first.clone();
        state.second[slot.name] = slot.second.clone();
      }
    }
    return state;
  }

  void Restore(const OptimizerState& state) override {
    const c10::NoGradGuard no_gradient;
    steps_ = state.steps;
    for (Slot& slot : slots_) {
      if (const auto rows = state.rows.find(slot.name); rows != state.rows.end()) {
        slot.active = std::make_unique<ActiveRows>(slot.parameter.size(0), slot.parameter.size(1));
        slot.active->Take(rows->second);
        CopyMoments(state, slot.name, slot.active->First(), slot.active->Second());
      } else if (state.first.contains(slot.name)) {
        MakeMoments(slot);
        CopyMoments(state, slot.name, slot.first, slot.second);
      }
    }
  }

 private:
  struct Slot {
    std::string name;
    at::Tensor parameter;
    bool decays;
    at::Tensor first, second;  // dense moments
    at::Tensor gradient;       // of this step, alive while its pieces are
    std::unique_ptr<ActiveRows> active;
  };

  static void MakeMoments(Slot& slot) {
    slot.first = at::zeros_like(slot.parameter, slot.parameter.options().requires_grad(false));
    slot.second = at::zeros_like(slot.first);
  }

  static void AddPieces(Slot& slot, std::vector<Piece>& pieces) {
    slot.gradient = std::exchange(slot.parameter.mutable_grad(), at::Tensor());
    auto* parameter = slot.parameter.mutable_data_ptr<float>();
    if (slot.gradient.defined() && slot.gradient.is_sparse() && !slot.first.defined() && slot.active == nullptr) {
      slot.active = std::make_unique<ActiveRows>(slot.parameter.size(0), slot.parameter.size(1));
    }
    if (slot.active != nullptr) {
      if (!slot.gradient.defined()) {
        slot.active->NoGradient();
      } else {
        slot.active->Gather(slot.gradient.is_sparse() ? slot.gradient : slot.gradient.to_sparse(1));
      }
      slot.active->AddPieces(parameter, slot.decays, pieces);
      return;
    }
    if (!slot.first.defined()) {
      if (!slot.gradient.defined()) return;
      MakeMoments(slot);
    }
    if (!slot.gradient.defined()) slot.gradient = at::zeros_like(slot.first);
    if (slot.gradient.is_sparse()) slot.gradient = slot.gradient.to_dense();
    const bool rounded = slot.gradient.scalar_type() == at::kBFloat16;
    if (!rounded) slot.gradient = slot.gradient.to(at::kFloat);
    slot.gradient = slot.gradient.contiguous();
    const auto* gradient = static_cast<const char*>(slot.gradient.const_data_ptr());
    auto* first = slot.first.mutable_data_ptr<float>();
    auto* second = slot.second.mutable_data_ptr<float>();
    for (int64_t begin = 0; begin < slot.parameter.numel(); begin += kChunk) {
      pieces.push_back({gradient + begin * slot.gradient.element_size(), rounded, parameter + begin, first + begin,
                        second + begin, std::min(kChunk, slot.parameter.numel() - begin), slot.decays});
    }
  }

  // Sums of the pieces are added in their order, so that the number of threads does not matter.
  static double GlobalNorm(const std::vector<Piece>& pieces) {
    std::vector<double> squares(pieces.size());
    ForEachPiece(pieces, [&](size_t i) {
      WithGradient(pieces[i], [&](const auto* gradient) { squares[i] = SumOfSquares(gradient, pieces[i].size); });
    });
    double total = 0;
    for (const double square : squares) total += square;
    return std::sqrt(total);
  }

  const TrainingOptions options_;
  std::vector<Slot> slots_;
  int64_t steps_ = 0;
};

}  // namespace

std::unique_ptr<Optimizer> MakeCpuOptimizer(const std::vector<std::pair<std::string, at::Tensor>>& parameters,
                                            const TrainingOptions& options) {
  return std::make_unique<CpuOptimizer>(parameters, options);
}

}  // namespace fintag
