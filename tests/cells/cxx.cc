/* C++: a static local that two initialise, exceptions, std's threads and locks.
 * explore:              -> good
 * explore: -DUNLOCKED   -> race */
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static std::mutex mutex;
static std::map<int, std::string> table;

static const std::string &name()
{
    static const std::string text("longer than what fits into the object itself");
    return text;
}

static void put(int i)
{
#ifndef UNLOCKED
    std::lock_guard<std::mutex> hold(mutex);
#endif
    table[i] = name();
    if (i == 1)
        throw std::runtime_error("one");
}

int main()
{
    std::vector<std::thread> threads;
    int caught[3] = {};
    for (int i = 0; i < 3; i++)
        threads.emplace_back([i, &caught] {
            try {
                put(i);
            } catch (const std::exception &) {
                caught[i] = 1;
            }
        });
    for (auto &t : threads)
        t.join();
    return table.size() == 3 && caught[1] && !caught[0] ? 0 : 1;
}
