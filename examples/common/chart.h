/* examples/common/chart.h - bars with what they are the mean of, as text and as SVG.
 * Tests: tests/learn_test.py. */
#ifndef EXAMPLES_CHART_H
#define EXAMPLES_CHART_H

enum { CHART_BARS = 8, CHART_VALUES = 16 };
struct chart_bar {
    const char *name;
    double value[CHART_VALUES]; /* shares, 0 to 1 */
    int values;
    double seconds;         /* of CPU time */
    double mean, deviation; /* set by chart_bar_finish */
};
struct chart {
    const char *title;
    struct chart_bar bars[CHART_BARS];
    int count;
};
void chart_bar_finish(struct chart_bar *bar);
void chart_print(const struct chart *c);
/* 0, or a negative code after a sentence was given to tutti_fail. */
int chart_draw(const struct chart *c, const char *path);
#endif
