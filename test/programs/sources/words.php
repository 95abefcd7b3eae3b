<?php
require '/resources/shape.php';

// The CGI build reads its script from stdin, so what it works on is part of it.
$text = "The cat and the dog. The bird and the bee; it's the cat's pyjamas — grün.";
preg_match_all("/[a-z']+/", strtolower($text), $found);
$counts = array_count_values($found[0]);
ksort($counts);

try {
    intdiv(1, 0);
} catch (DivisionByZeroError $error) {
    $caught = $error->getMessage();
}

function fibonacci(): Generator
{
    [$a, $b] = [0, 1];
    while (true) {
        yield $a;
        [$a, $b] = [$b, $a + $b];
    }
}

$numbers = [];
foreach (fibonacci() as $number) {
    if ($number > 1000) {
        break;
    }
    $numbers[] = $number;
}

echo json_encode([
    'php' => PHP_VERSION,
    'counts' => $counts,
    'md5' => md5($text),
    'sha256' => hash('sha256', $text),
    'crc32' => crc32($text),
    'area' => (new Shape(3, 4))->area(),
    'caught' => $caught,
    'fibonacci' => $numbers,
    'sum' => array_sum(array_map(fn ($n) => $n % 7, range(1, 100000))),
    'date' => date('Y-m-d', 86400),
    'packed' => bin2hex(pack('nvc', 1, 2, 3)),
], JSON_UNESCAPED_UNICODE), "\n";
