/* boost.cpp - Boost.Context: bare stacks and switches, without a scheduler. */
#include "peer.h"
#include <boost/context/fiber.hpp>
#include <boost/context/pooled_fixedsize_stack.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <vector>

namespace context = boost::context;
enum { STACK = 16 << 10 };

/* A switch there and one back for a turn of each of the 16. */
static double switch_round()
{
    const int turns = peer_pick(100000, 10);
    std::vector<context::fiber> ring;
    context::pooled_fixedsize_stack stacks(STACK);
    for (int i = 0; i < 16; i++)
        ring.emplace_back(std::allocator_arg, stacks, [](context::fiber &&from) {
            for (;;)
                from = std::move(from).resume();
            return std::move(from);
        });
    double began = peer_now();
    for (int i = 0; i < turns; i++)
        for (auto &fiber : ring)
            fiber = std::move(fiber).resume();
    return (peer_now() - began) / (turns * 32.0);
}

/* Made, run to the end and gone, on stacks that are used again. */
static double spawn_round()
{
    const int n = peer_pick(1000000, 100);
    context::pooled_fixedsize_stack stacks(STACK);
    long done = 0;
    double began = peer_now();
    for (int i = 0; i < n; i++)
        context::fiber(std::allocator_arg, stacks, [&done](context::fiber &&from) {
            done++;
            return std::move(from);
        }).resume();
    double took = (peer_now() - began) / n;
    peer_need(done == n, "a fiber did not run");
    return took;
}

/* Guarded, each in a mapping of its own: 65,530 mappings are what a process may have. */
static double parked_round()
{
    const int n = peer_pick(30000, 100);
    std::vector<context::fiber> parked;
    parked.reserve(n);
    double before = peer_resident();
    for (int i = 0; i < n; i++) {
        parked.emplace_back(std::allocator_arg, context::protected_fixedsize_stack(STACK),
                            [](context::fiber &&from) {
                                from = std::move(from).resume();
                                return std::move(from);
                            });
        parked.back() = std::move(parked.back()).resume();
    }
    double bytes = (peer_resident() - before) / n;
    for (auto &fiber : parked)
        fiber = std::move(fiber).resume();
    return bytes;
}

int main(int argc, char **argv)
{
    static const struct peer peers[] = {
        { "switch", "boost", "ns", switch_round },
        { "spawn", "boost", "ns", spawn_round },
        { "parked-bytes", "boost", "bytes", parked_round },
    };
    return peer_main(argc, argv, peers, sizeof peers / sizeof *peers);
}
