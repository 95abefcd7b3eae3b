text = STDIN.read
words = text.downcase.scan(/[a-z']+/)
warn "reading #{words.length} words"
top = words.tally.sort_by { |word, count| [-count, word] }.first(3)
Shape = Struct.new(:width, :height) do
  def area = width * height
end
begin
  Integer('x')
rescue ArgumentError => error
  caught = error.message
end
numbers = Enumerator.new { |yielder| a, b = 0, 1; loop { yielder << a; a, b = b, a + b } }
puts RUBY_VERSION, top.inspect, (1..20).inject(:*), 3**100, Shape.new(3, 4).area, caught
puts numbers.take(20).join(' ') 
puts format('%.6f %x', Math::PI, words.join.bytes.sum), (1..10_000).select { |n| (n % 7).zero? }.sum
puts [3, 1, 2].sort.map { _1 * 2 }.inspect, { a: 1 }.merge(b: 2), 'grün'.upcase, :done
