//===- ContextTest.cpp - Contexts: running, refusing, threads -------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeLibrary.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <xmmintrin.h>

using namespace mpc;

namespace {

constexpr int64_t columns = 4;
const float weights[columns] = {1, 0, -1, 0.5f};

class ContextTest : public ::testing::Test {
protected:
  FakeLibrary library;
  const mpc_model *model = library.model;

  mpc_context *create(uint32_t threads = 1) {
    mpc_context_options options = {};
    options.struct_size = sizeof(options);
    options.threads = threads;
    mpc_context *context = nullptr;
    EXPECT_EQ(model->create(model, &options, &context), MPC_OK)
        << model->last_error();
    return context;
  }

  /// Runs "main" on a ramp; whether all of the output is right.
  bool runs(mpc_context *context, int64_t batch) {
    std::vector<float> x(batch * columns), y(batch * columns, -1.0f);
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = float(i % 1000);
    std::vector<int64_t> shape = {batch, columns};
    mpc_tensor in = tensorOf(x, MPC_F32, shape),
               out = tensorOf(y, MPC_F32, shape);
    if (model->run(context, 0, &in, 1, &out, 1) != MPC_OK)
      return false;
    for (size_t i = 0; i < x.size(); ++i)
      if (y[i] != 2 * x[i] + weights[i % columns])
        return false;
    return true;
  }

  /// The error of running "main" with this input, "" if there is none.
  std::string errorOf(const mpc_tensor &in, mpc_status expected,
                      const std::vector<int64_t> &outShape = {1, columns}) {
    mpc_context *context = create();
    std::vector<float> y(64);
    mpc_tensor out = tensorOf(y, MPC_F32, outShape);
    mpc_status status = model->run(context, 0, &in, 1, &out, 1);
    EXPECT_EQ(status, expected);
    model->destroy(context);
    return status ? model->last_error() : "";
  }
};

TEST_F(ContextTest, RunsAnyBatchInOneContext) {
  mpc_context *context = create();
  for (int64_t batch : {1, 3, 17, 2, 1000, 1})
    EXPECT_TRUE(runs(context, batch)) << batch << model->last_error();
  model->destroy(context);
}

TEST_F(ContextTest, ProfilesGroupsUntilToldOtherwise) {
  mpc_context *context = create(2);
  mpc_group_time times[3] = {};
  mpc_profile profile = {};
  profile.struct_size = sizeof(profile);
  profile.num_groups = 3;
  profile.groups = times;
  EXPECT_TRUE(runs(context, 4));
  EXPECT_EQ(profile.calls, 0u);
  ASSERT_EQ(model->profile(context, &profile), MPC_OK);
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(runs(context, 100));
  ASSERT_EQ(model->profile(context, nullptr), MPC_OK);
  EXPECT_TRUE(runs(context, 4));
  EXPECT_EQ(profile.calls, 5u);
  for (const mpc_group_time &time : times)
    EXPECT_EQ(time.calls, 5u);
  EXPECT_GT(times[1].ticks, 0u);
  EXPECT_EQ(times[0].ticks + times[1].ticks + times[2].ticks, profile.ticks);

  // The last group takes what does not fit.
  mpc_group_time one = {};
  profile = {};
  profile.struct_size = sizeof(profile);
  profile.num_groups = 1;
  profile.groups = &one;
  ASSERT_EQ(model->profile(context, &profile), MPC_OK);
  EXPECT_TRUE(runs(context, 4));
  EXPECT_EQ(one.ticks, profile.ticks);
  EXPECT_EQ(one.calls, 3u);

  profile.num_groups = 0;
  EXPECT_EQ(model->profile(context, &profile), MPC_ERROR_INVALID_ARGUMENT);
  profile.num_groups = 1;
  profile.struct_size = 4;
  EXPECT_EQ(model->profile(context, &profile), MPC_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(model->profile(nullptr, nullptr), MPC_ERROR_INVALID_ARGUMENT);
  model->destroy(context);
}

TEST_F(ContextTest, DefaultOptionsAndNoDestroyOfNull) {
  mpc_context *context = nullptr;
  ASSERT_EQ(model->create(model, nullptr, &context), MPC_OK);
  EXPECT_TRUE(runs(context, 5));
  mpc_context_info info = {};
  info.struct_size = sizeof(info);
  ASSERT_EQ(model->context_info(context, &info), MPC_OK);
  EXPECT_GE(info.threads, 1u);
  EXPECT_STREQ(info.isa, "x86-64-v4"); // the best that this machine can run
  model->destroy(context);
  model->destroy(nullptr);
}

TEST_F(ContextTest, ThreadsGiveTheSameResults) {
  for (uint32_t threads : {1, 2, 3, 8, 33}) {
    mpc_context *context = create(threads);
    for (int64_t batch : {1, 2, 7, 8, 31, 1000})
      for (int repeat = 0; repeat < 20; ++repeat)
        EXPECT_TRUE(runs(context, batch)) << threads << " " << batch;
    model->destroy(context);
  }
}

TEST_F(ContextTest, SleepingWorkersWakeUp) {
  mpc_context *context = create(4);
  for (int repeat = 0; repeat < 20; ++repeat) {
    EXPECT_TRUE(runs(context, 64));
    usleep(2000); // far longer than a spin
  }
  model->destroy(context);
}

TEST_F(ContextTest, ContextsRunInParallel) {
  std::vector<std::thread> threads;
  std::vector<int> wrong(8, 0);
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      mpc_context *context = create(2);
      for (int repeat = 0; repeat < 50; ++repeat)
        wrong[t] += !runs(context, 1 + (t + repeat) % 40);
      model->destroy(context);
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, std::vector<int>(8, 0));
}

TEST_F(ContextTest, CallsAtTheSameTimeShareTheCores) {
  mpc_context *first = create(0);
  mpc_context_info info = {};
  info.struct_size = sizeof(info);
  ASSERT_EQ(model->context_info(first, &info), MPC_OK);
  model->destroy(first);
  uint32_t threads = std::max(4u, info.threads);
  first = create(threads);
  mpc_context *second = create(threads);

  std::vector<int64_t> modeShape = {1}, reportShape = {16};
  auto ranges = [&](mpc_context *context) {
    std::vector<int32_t> mode(1);
    std::vector<int64_t> report(16);
    mpc_tensor in = tensorOf(mode, MPC_I32, modeShape),
               out = tensorOf(report, MPC_I64, reportShape);
    EXPECT_EQ(model->run(context, 1, &in, 1, &out, 1), MPC_OK);
    return report[11];
  };
  EXPECT_EQ(ranges(second), threads);

  std::vector<int32_t> mode(1, 1);
  std::vector<int64_t> report(16);
  mpc_tensor in = tensorOf(mode, MPC_I32, modeShape),
             out = tensorOf(report, MPC_I64, reportShape);
  std::thread other(
      [&] { EXPECT_EQ(model->run(first, 1, &in, 1, &out, 1), MPC_OK); });
  while (!__atomic_load_n(&report[12], __ATOMIC_ACQUIRE))
    std::this_thread::yield();
  EXPECT_EQ(ranges(second), threads / 2);
  __atomic_store_n(&mode[0], 0, __ATOMIC_RELEASE);
  other.join();
  EXPECT_EQ(ranges(second), threads);
  model->destroy(first);
  model->destroy(second);
}

/// A caller's parallel loop that ends in the middle of a call.
struct Reentrance {
  const mpc_model *model;
  mpc_context *context;
  mpc_tensor *in, *out;
  mpc_status status;
};

void reenter(void *user, mpc_range_fn fn, const void *args, int64_t n) {
  auto *r = static_cast<Reentrance *>(user);
  r->status = r->model->run(r->context, 0, r->in, 1, r->out, 1);
  fn(args, 0, n / 2);
  fn(args, n / 2, n);
}

TEST_F(ContextTest, ABusyContextRefusesASecondCallAndCallersLoopRuns) {
  std::vector<float> x(16, 1.0f), y(16);
  std::vector<int64_t> shape = {4, columns};
  mpc_tensor in = tensorOf(x, MPC_F32, shape),
             out = tensorOf(y, MPC_F32, shape);
  Reentrance r = {model, nullptr, &in, &out, MPC_OK};
  mpc_context_options options = {};
  options.struct_size = sizeof(options);
  options.threads = 4;
  options.parallel_for = reenter;
  options.parallel_for_user = &r;
  ASSERT_EQ(model->create(model, &options, &r.context), MPC_OK);
  ASSERT_EQ(model->run(r.context, 0, &in, 1, &out, 1), MPC_OK);
  EXPECT_EQ(r.status, MPC_ERROR_BUSY);
  EXPECT_EQ(y[15], 2.5f);
  model->destroy(r.context);
}

TEST_F(ContextTest, FloatingPointControlIsDefaultInsideAndRestored) {
  mpc_context *context = create(2);
  std::vector<int32_t> mode(1);
  std::vector<int64_t> report(16), modeShape = {1}, reportShape = {16};
  mpc_tensor in = tensorOf(mode, MPC_I32, modeShape),
             out = tensorOf(report, MPC_I64, reportShape);
  unsigned before = _mm_getcsr();
  unsigned strange = 0x1f80 | 0x8040 | 0x6000; // FTZ, DAZ, towards zero
  _mm_setcsr(strange);
  mpc_status status = model->run(context, 1, &in, 1, &out, 1);
  unsigned after = _mm_getcsr();
  _mm_setcsr(before);
  ASSERT_EQ(status, MPC_OK);
  EXPECT_EQ(after, strange);
  for (int i = 0; i < 9; ++i)
    EXPECT_EQ(report[i], 0x1f80) << i;
  EXPECT_EQ(report[9], 1) << "a loop of 1 us is not worth splitting";
  EXPECT_EQ(report[10], 0) << "the arena is not aligned";
  model->destroy(context);
}

TEST_F(ContextTest, CallersWorkspace) {
  uint64_t bytes = 0;
  ASSERT_EQ(model->workspace_size(model, 0, nullptr, 3, &bytes), MPC_OK);
  EXPECT_EQ(bytes, 64 + 3 * 16 + 64u);
  std::vector<char> memory(bytes + 64);
  char *aligned =
      memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64);
  mpc_context_options options = {};
  options.struct_size = sizeof(options);
  options.threads = 1;
  options.workspace = aligned + 1;
  options.workspace_bytes = bytes;
  mpc_context *context = nullptr;
  EXPECT_EQ(model->create(model, &options, &context), MPC_ERROR_WORKSPACE);
  EXPECT_EQ(context, nullptr);
  options.workspace = aligned;
  ASSERT_EQ(model->create(model, &options, &context), MPC_OK);
  EXPECT_TRUE(runs(context, 3));
  EXPECT_FALSE(runs(context, 4));
  EXPECT_STREQ(model->last_error(),
               "expected a workspace of 192 bytes, but got 176");
  EXPECT_TRUE(runs(context, 2));
  model->destroy(context);
  EXPECT_EQ(model->workspace_size(model, 0, nullptr, 0, &bytes),
            MPC_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(model->workspace_size(model, 0, nullptr, INT64_MAX, &bytes),
            MPC_ERROR_OUT_OF_MEMORY);
}

TEST_F(ContextTest, TensorsThatAreNotTheModels) {
  std::vector<float> x(64);
  std::vector<int64_t> shape = {1, columns}, wide = {1, 5}, flat = {4},
                       none = {0, columns}, three = {3, columns};
  mpc_tensor in = tensorOf(x, MPC_F32, shape);
  EXPECT_EQ(errorOf(in, MPC_OK), "");
  in.dtype = MPC_F16;
  EXPECT_EQ(errorOf(in, MPC_ERROR_TENSOR_MISMATCH),
            "input 'x': expected type f32, but got f16");
  in.dtype = 77;
  EXPECT_EQ(errorOf(in, MPC_ERROR_TENSOR_MISMATCH),
            "input 'x': expected type f32, but got an unknown type");
  EXPECT_EQ(errorOf(tensorOf(x, MPC_F32, wide), MPC_ERROR_TENSOR_MISMATCH),
            "input 'x': expected shape [batch, 4], but got [1, 5]");
  EXPECT_EQ(errorOf(tensorOf(x, MPC_F32, flat), MPC_ERROR_TENSOR_MISMATCH),
            "input 'x': expected shape [batch, 4], but got [4]");
  EXPECT_EQ(errorOf(tensorOf(x, MPC_F32, none), MPC_ERROR_TENSOR_MISMATCH),
            "input 'x': expected a batch of at least 1, but got 0");
  EXPECT_EQ(errorOf(tensorOf(x, MPC_F32, three), MPC_ERROR_TENSOR_MISMATCH),
            "output 'y/out:0': expected the batch 3 of the tensors before it, "
            "but got 1");
  in = tensorOf(x, MPC_F32, shape);
  in.data = nullptr;
  EXPECT_EQ(errorOf(in, MPC_ERROR_INVALID_ARGUMENT),
            "input 'x': expected data, but got NULL");
  in.data = reinterpret_cast<char *>(x.data()) + 2;
  EXPECT_NE(errorOf(in, MPC_ERROR_TENSOR_MISMATCH).find("aligned to 4 bytes"),
            std::string::npos);
  in = tensorOf(x, MPC_F32, shape);
  in.shape = nullptr;
  EXPECT_EQ(errorOf(in, MPC_ERROR_INVALID_ARGUMENT),
            "input 'x': expected a shape, but got NULL");
  in = tensorOf(x, MPC_F32, shape);
  in.device = MPC_DEVICE_CUDA;
  EXPECT_EQ(errorOf(in, MPC_ERROR_UNSUPPORTED),
            "input 'x': expected memory of the CPU, but got device 1");
  in = tensorOf(x, MPC_F32, three);
  std::vector<int64_t> dense = {columns, 1}, transposed = {1, 3};
  in.strides = dense.data();
  EXPECT_EQ(errorOf(in, MPC_OK, three), "");
  in.strides = transposed.data();
  EXPECT_EQ(errorOf(in, MPC_ERROR_UNSUPPORTED, three),
            "input 'x': expected dense strides (1 in dimension 1), but got 3");
}

TEST_F(ContextTest, WrongArguments) {
  mpc_context *context = create();
  std::vector<float> x(4);
  std::vector<int64_t> shape = {1, columns};
  mpc_tensor t = tensorOf(x, MPC_F32, shape);
  EXPECT_EQ(model->run(nullptr, 0, &t, 1, &t, 1), MPC_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(model->run(context, 2, &t, 1, &t, 1), MPC_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(model->last_error(),
               "run: expected an entry below 2, but got 2");
  EXPECT_EQ(model->run(context, 0, &t, 2, &t, 1), MPC_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(model->last_error(),
               "run: expected 1 inputs and 1 outputs, but got 2 and 1");
  EXPECT_EQ(model->run(context, 0, nullptr, 1, &t, 1),
            MPC_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(model->run(context, 0, &t, 1, nullptr, 1),
            MPC_ERROR_INVALID_ARGUMENT);
  model->destroy(context);
  EXPECT_EQ(model->create(model, nullptr, nullptr), MPC_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(model->create(nullptr, nullptr, &context),
            MPC_ERROR_INVALID_ARGUMENT);
}

TEST_F(ContextTest, OptionsOfOtherVersions) {
  struct {
    mpc_context_options known;
    uint64_t unknown;
  } newer = {};
  newer.known.struct_size = sizeof(newer);
  newer.known.threads = 1;
  mpc_context *context = nullptr;
  EXPECT_EQ(model->create(model, &newer.known, &context), MPC_OK);
  model->destroy(context);
  newer.unknown = 1;
  EXPECT_EQ(model->create(model, &newer.known, &context),
            MPC_ERROR_UNSUPPORTED);
  mpc_context_options older = {};
  older.struct_size = 8; // threads only
  older.threads = 1;
  older.isa = "z80"; // lies behind what is passed
  EXPECT_EQ(model->create(model, &older, &context), MPC_OK);
  model->destroy(context);
  older.struct_size = 4;
  EXPECT_EQ(model->create(model, &older, &context), MPC_ERROR_INVALID_ARGUMENT);
}

/// The instruction set of a new context, or why there is none.
std::string createWith(const mpc_model *model, const char *isa) {
  mpc_context_options options = {};
  options.struct_size = sizeof(options);
  options.isa = isa;
  mpc_context *context = nullptr;
  if (model->create(model, &options, &context))
    return model->last_error();
  mpc_context_info info = {};
  info.struct_size = sizeof(info);
  EXPECT_EQ(model->context_info(context, &info), MPC_OK);
  model->destroy(context);
  return info.isa;
}

TEST_F(ContextTest, InstructionSetsByNameAndByEnvironment) {
  auto createWith = [&](const char *isa) { return ::createWith(model, isa); };
  EXPECT_EQ(createWith("x86-64-v3"), "x86-64-v3");
  EXPECT_EQ(createWith("z80"),
            "expected an instruction set of the library (x86-64-v3, x86-64-v4, "
            "sapphirerapids), but got 'z80'");
  EXPECT_NE(createWith("sapphirerapids")
                .find("this machine cannot run instruction set "
                      "'sapphirerapids': it lacks "),
            std::string::npos);
  setenv("MPC_ISA", "x86-64-v3", 1);
  EXPECT_EQ(createWith(nullptr), "x86-64-v3");
  EXPECT_EQ(createWith("x86-64-v4"), "x86-64-v4");
  setenv("MPC_ISA", "z80", 1);
  EXPECT_EQ(createWith(nullptr),
            "MPC_ISA: expected an instruction set of the library (x86-64-v3, "
            "x86-64-v4, sapphirerapids), but got 'z80'");
  unsetenv("MPC_ISA");
}

/// Whether this machine has tile registers, as the library says.
bool hasTiles(const mpc_model *model) {
  mpc_isa_info info = {};
  info.struct_size = sizeof(info);
  EXPECT_EQ(model->isa_info(model, model->num_isas(model) - 1, &info), MPC_OK);
  EXPECT_STREQ(info.name, "sapphirerapids-amx");
  return info.supported;
}

TEST(TilesTest, AreChosenWhereThereAreSome) {
  FakeLibrary library("fake_tiles");
  const mpc_model *model = library.model;
  if (!hasTiles(model)) {
    EXPECT_EQ(createWith(model, nullptr), "x86-64-v3");
    EXPECT_EQ(createWith(model, "sapphirerapids-amx"),
              "this machine cannot run instruction set 'sapphirerapids-amx': "
              "it lacks amx-tile");
    EXPECT_EQ(createWith(FakeLibrary("fake_only_tiles").model, nullptr),
              "this machine runs none of the library's instruction sets "
              "(sapphirerapids-amx): it lacks amx-tile");
    return;
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(createWith(model, nullptr), "sapphirerapids-amx");
    EXPECT_EQ(createWith(model, "sapphirerapids-amx"), "sapphirerapids-amx");
    EXPECT_EQ(createWith(model, "x86-64-v3"), "x86-64-v3");
  }
}

/// Creates contexts in a process that has not asked for tile registers, and to
/// which Linux refuses them: this thread's signal stack is large enough for
/// AVX-512, but not for 8 KiB of tiles. Ends with status 0 if all is as should
/// be.
[[noreturn]] void createWhereTilesAreRefused() {
  static char stack[8192];
  stack_t small = {};
  small.ss_sp = stack;
  small.ss_size = sizeof(stack);
  bool isGood = sigaltstack(&small, nullptr) == 0;
  auto expect = [&](const std::string &got, const std::string &expected) {
    if (got == expected)
      return;
    isGood = false;
    fprintf(stderr, "got: %s\nexpected: %s\n", got.c_str(), expected.c_str());
  };
  FakeLibrary both("fake_tiles"), only("fake_only_tiles");
  std::string why = "(a thread's alternate signal stack may be too small)",
              explicitly = "the operating system does not permit this process "
                           "the tile registers of instruction set "
                           "'sapphirerapids-amx' " +
                           why;
  expect(createWith(both.model, nullptr), "x86-64-v3");
  expect(createWith(both.model, "sapphirerapids-amx"), explicitly);
  setenv("MPC_ISA", "sapphirerapids-amx", 1);
  expect(createWith(both.model, nullptr), "MPC_ISA: " + explicitly);
  unsetenv("MPC_ISA");
  expect(createWith(only.model, nullptr),
         "the operating system does not permit this process the tile "
         "registers that the library's instruction sets (sapphirerapids-amx) "
         "need " +
             why);
  // A refusal is not for ever.
  small.ss_flags = SS_DISABLE;
  sigaltstack(&small, nullptr);
  expect(createWith(both.model, nullptr), "sapphirerapids-amx");
  _exit(isGood ? 0 : 1);
}

TEST(TilesDeathTest, WithoutPermissionTheNextBestIsChosen) {
  FakeLibrary library("fake_tiles");
  if (!hasTiles(library.model))
    GTEST_SKIP() << "no tile registers";
  // A new process: a permission stays with one, and with its children.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(createWhereTilesAreRefused(), ::testing::ExitedWithCode(0), "");
}

TEST_F(ContextTest, ThreadsByEnvironment) {
  auto threadsWith = [&](const char *value) -> long {
    setenv("MPC_NUM_THREADS", value, 1);
    mpc_context *context = nullptr;
    mpc_status status = model->create(model, nullptr, &context);
    unsetenv("MPC_NUM_THREADS");
    if (status)
      return -long(status);
    mpc_context_info info = {};
    info.struct_size = sizeof(info);
    EXPECT_EQ(model->context_info(context, &info), MPC_OK);
    model->destroy(context);
    return info.threads;
  };
  EXPECT_EQ(threadsWith("3"), 3);
  for (const char *wrong : {"0", "-1", "many", "2x"})
    EXPECT_EQ(threadsWith(wrong), -long(MPC_ERROR_ENVIRONMENT)) << wrong;
  EXPECT_GE(threadsWith(""), 1);
}

TEST_F(ContextTest, TheLastErrorBelongsToTheThread) {
  mpc_context *context = nullptr;
  EXPECT_NE(model->create(nullptr, nullptr, &context), MPC_OK);
  std::string here = model->last_error(), there = "unset";
  std::thread([&] { there = model->last_error(); }).join();
  EXPECT_NE(here, "");
  EXPECT_EQ(there, "");
}

/// Runs `body` in a forked child; whether it returned true. The child leaves by
/// _exit, or by exit where its destructors are the subject.
template <typename Body> bool inChild(Body body, bool exits = false) {
  pid_t child = fork();
  if (!child) {
    alarm(20); // a deadlock ends the child, not the test run
    int status = body() ? 0 : 1;
    exits ? exit(status) : _exit(status);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_F(ContextTest, SurvivesFork) {
  mpc_context *context = create(4);
  EXPECT_TRUE(runs(context, 100)); // workers run now
  EXPECT_TRUE(inChild([&] {
    if (!runs(context, 100) || !runs(context, 7))
      return false;
    model->destroy(context);
    mpc_context *own = create(3);
    bool fine = runs(own, 100) && inChild([&] { return runs(own, 9); });
    model->destroy(own);
    return fine;
  }));
  EXPECT_TRUE(inChild([&] { return runs(context, 50); }, /*exits=*/true));
  EXPECT_TRUE(inChild([] { return true; }, /*exits=*/true));
  EXPECT_TRUE(runs(context, 100));
  model->destroy(context);
}

/// A fork in the middle of another thread's call: that thread is not in the
/// child, which must not take the context for busy.
TEST_F(ContextTest, AChildRunsContextsThatWereBusy) {
  for (uint32_t threads : {1, 4}) {
    mpc_context *context = create(threads);
    EXPECT_TRUE(runs(context, 100));
    std::vector<int32_t> mode = {1};
    std::vector<int64_t> report(16), modeShape = {1}, reportShape = {16};
    mpc_tensor in = tensorOf(mode, MPC_I32, modeShape),
               out = tensorOf(report, MPC_I64, reportShape);
    std::thread caller([&] { model->run(context, 1, &in, 1, &out, 1); });
    while (!__atomic_load_n(&report[12], __ATOMIC_ACQUIRE))
      std::this_thread::yield();
    EXPECT_FALSE(runs(context, 100)); // busy
    EXPECT_TRUE(inChild([&] {
      return runs(context, 100) && inChild([&] { return runs(context, 7); });
    }));
    EXPECT_FALSE(runs(context, 100));
    __atomic_store_n(&mode[0], 0, __ATOMIC_RELEASE);
    caller.join();
    EXPECT_TRUE(runs(context, 100));
    model->destroy(context);
  }
}

} // namespace
